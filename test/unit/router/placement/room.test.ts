import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PromisedRoom, roomAtOnceInMs, roomInMs, type Promised, type RoomView } from '#router/placement/room.ts'; // prettier-ignore
import { anyRoom, NOW } from './any-room.ts';
import { naiveRoomAtOnce, naiveRoomInMs } from './naive-room.ts';

const anyWanted = fc.record({
  tokens: fc.integer({ min: 1, max: 600 }),
  sequences: fc.integer({ min: 1, max: 4 }),
});
const waits = (readyInMs: number, holdsMs: number, more: Partial<Promised> = {}): Promised => ({
  tokens: 100, sequences: 1, readyAt: NOW + readyInMs, holdsMs, latestAt: Infinity, endsAt: null, ...more,
}); // prettier-ignore

/** An engine of 300 tokens, all promised unless told otherwise; those that run end after so many ms. */
function busy(endsInMs: readonly number[], waiting: readonly Promised[] = [], free = 0): RoomView {
  const promised = new PromisedRoom();
  for (const inMs of endsInMs) {
    const one = waits(0, 0);
    promised.add(one);
    promised.begins(one, NOW + inMs);
  }
  for (const one of waiting) promised.add(one);
  return { kvTokens: 300, freeTokens: free - promised.waitingTokens, freeSequences: Infinity, promised };
}
const one = { tokens: 100, sequences: 1 };

describe('room of a decode engine', () => {
  test('is there now where enough is free', () => {
    expect(roomInMs(busy([10, 20], [], 100), NOW, one)).toBe(0);
  });

  test('comes as its requests are expected to end', () => {
    const engine = busy([10, 20, 30]);
    expect([100, 101, 300].map((tokens) => roomInMs(engine, NOW, { ...one, tokens }))).toEqual([10, 20, 30]);
  });

  test('comes after all that were promised any before', () => {
    expect(roomInMs(busy([10, 20, 30], [waits(0, 500)]), NOW, one)).toBe(20);
    // It waits for its prompt until 40, and has ended at 45.
    expect(roomInMs(busy([10, 20, 30], [waits(40, 5, { tokens: 300 })]), NOW, one)).toBe(45);
  });

  test('needs sequences too', () => {
    const engine = { ...busy([10, 20], [], 200), freeSequences: 0 };
    expect([1, 2, 3].map((sequences) => roomInMs(engine, NOW, { tokens: 1, sequences }))).toEqual([
      10,
      20,
      Infinity,
    ]);
  });

  test('is not foreseen before the pace of the engine is known', () => {
    expect(roomInMs(busy([Infinity, Infinity, Infinity]), NOW, one)).toBe(Infinity);
    expect(roomInMs(busy([10], [waits(0, Infinity), waits(0, 1)]), NOW, one)).toBe(Infinity);
  });

  test('never comes for what exceeds the engine', () => {
    expect(roomInMs(busy([10, 20, 30, 40]), NOW, { ...one, tokens: 301 })).toBe(Infinity);
  });

  test('of a request that is late is expected after as long again', () => {
    const engine = busy([-40, -5, 30]);
    expect([100, 200, 300].map((tokens) => roomInMs(engine, NOW, { ...one, tokens }))).toEqual([5, 30, 40]);
  });

  test('is what trying every moment finds', () => {
    fc.assert(
      fc.property(anyRoom, anyWanted, (engine, wanted) => {
        expect(roomInMs(engine, NOW, wanted)).toBe(naiveRoomInMs(engine, NOW, wanted));
      }),
      { numRuns: 1500 },
    );
  }, 60_000);
});

describe('room taken at once', () => {
  test('comes before those whose prompts are still being computed, whom it may delay', () => {
    const engine = busy([10, 20, 30], [waits(15, 100)]);
    expect(roomInMs(engine, NOW, one)).toBe(20);
    expect(roomAtOnceInMs(engine, NOW, one, 100)).toEqual({ inMs: 10, delaysMs: 5 });
  });

  test('comes after those who wait already', () => {
    expect(roomAtOnceInMs(busy([10, 20, 30], [waits(0, 100)]), NOW, one, 1)).toEqual({ inMs: 20, delaysMs: 0 }); // prettier-ignore
  });

  test('is not had where somebody would come too late because of it', () => {
    const late = (latestInMs: number): number =>
      roomAtOnceInMs(busy([10, 20, 30], [waits(15, 1, { latestAt: NOW + latestInMs })]), NOW, one, 100).inMs;
    expect([late(20), late(19)]).toEqual([10, Infinity]);
    // Who comes too late anyway is no reason.
    expect(late(14)).toBe(10);
  });

  test('is what trying every moment finds', () => {
    fc.assert(
      fc.property(anyRoom, anyWanted, fc.integer({ min: 0, max: 900 }), (engine, wanted, holdsMs) => {
        const [own, naive] = [roomAtOnceInMs, naiveRoomAtOnce].map((find) => find(engine, NOW, wanted, holdsMs)); // prettier-ignore
        expect(own?.inMs).toBe(naive?.inMs);
        expect(own?.delaysMs).toBeCloseTo(naive?.delaysMs ?? NaN, 6);
      }),
      { numRuns: 1500 },
    );
  }, 60_000);
});

test('promised room is in the order of its times and adds up, whatever is promised, begun and given back', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'begin', 'remove'),
    which: fc.nat(20),
    at: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Infinity)),
    tokens: fc.nat(100),
  });
  const ordered = (list: readonly Promised[], by: (one: Promised) => number): boolean =>
    list.every((one, i) => i === 0 || by(list[i - 1] ?? one) <= by(one));
  const total = (list: readonly Promised[]): number => list.reduce((sum, { tokens }) => sum + tokens, 0);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const room = new PromisedRoom();
      const kept: Promised[] = [];
      for (const { what, which, at, tokens } of steps) {
        const chosen = kept[which % Math.max(1, kept.length)];
        if (what === 'add') {
          const promised = waits(at, 1, { tokens });
          room.add(promised);
          kept.push(promised);
        } else if (chosen !== undefined && what === 'begin') room.begins(chosen, at);
        else if (chosen !== undefined) {
          room.remove(chosen);
          kept.splice(kept.indexOf(chosen), 1);
        }
        expect(new Set([...room.running, ...room.waiting])).toEqual(new Set(kept));
        expect(room.running.every(({ endsAt }) => endsAt !== null)).toBe(true);
        expect(ordered(room.running, ({ endsAt }) => endsAt ?? NaN)).toBe(true);
        expect(ordered(room.waiting, ({ readyAt }) => readyAt)).toBe(true);
        expect([room.tokens, room.waitingTokens]).toEqual([total(kept), total(room.waiting)]);
        expect([room.sequences, room.waitingSequences]).toEqual([kept.length, room.waiting.length]);
      }
    }),
  );
});

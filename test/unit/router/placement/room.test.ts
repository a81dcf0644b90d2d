import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PromisedRoom, roomInMs, type Promised, type RoomView } from '#router/placement/room.ts';
import { naiveRoomInMs } from './naive.ts';

const NOW = 1000;
const ends = (inMs: number, tokens = 100, sequences = 1): Promised => ({
  endsAt: NOW + inMs,
  tokens,
  sequences,
});
const full = (promised: Promised[], more: Partial<RoomView> = {}): RoomView => ({
  kvTokens: 1000,
  freeTokens: 0,
  freeSequences: Infinity,
  promised,
  ...more,
});

describe('room of a decode engine', () => {
  test('is there now where enough is free', () => {
    expect(roomInMs(full([ends(10)], { freeTokens: 100 }), NOW, 100, 1)).toBe(0);
  });

  test('comes as its requests are expected to end', () => {
    const engine = full([ends(10), ends(20), ends(30)]);
    expect([100, 101, 300].map((tokens) => roomInMs(engine, NOW, tokens, 1))).toEqual([10, 20, 30]);
  });

  test('comes after that of those who were promised it ahead', () => {
    expect(roomInMs(full([ends(10), ends(20)], { freeTokens: -100 }), NOW, 100, 1)).toBe(20);
  });

  test('needs sequences too', () => {
    const engine = full([ends(10, 1, 1), ends(20, 1, 2)], { freeTokens: 500, freeSequences: 0 });
    expect([1, 2, 3].map((sequences) => roomInMs(engine, NOW, 100, sequences))).toEqual([10, 20, 20]);
    expect(roomInMs(engine, NOW, 100, 4)).toBe(Infinity);
  });

  test('is not foreseen before the pace of the engine is known', () => {
    expect(roomInMs(full([{ ...ends(0), endsAt: Infinity }]), NOW, 1, 1)).toBe(Infinity);
  });

  test('never comes for what exceeds the engine', () => {
    expect(roomInMs(full([ends(10, 2000)]), NOW, 1001, 1)).toBe(Infinity);
  });

  test('of a request that is late is expected after as long again', () => {
    expect(roomInMs(full([ends(-40), ends(-5), ends(30)]), NOW, 100, 1)).toBe(5);
    expect(roomInMs(full([ends(-40), ends(-5), ends(30)]), NOW, 200, 1)).toBe(30);
    expect(roomInMs(full([ends(-40), ends(-5), ends(30)]), NOW, 300, 1)).toBe(40);
  });

  test('is what trying every moment finds', () => {
    const promised = fc
      .array(
        fc.record({
          endsAt: fc.oneof(fc.integer({ min: 500, max: 1500 }), fc.constant(Infinity)),
          tokens: fc.integer({ min: 1, max: 300 }),
          sequences: fc.integer({ min: 1, max: 3 }),
        }),
        { maxLength: 12 },
      )
      .map((list) => list.sort((a, b) => a.endsAt - b.endsAt));
    const view = fc.record({
      kvTokens: fc.constantFrom(500, 1000),
      freeTokens: fc.integer({ min: -1000, max: 500 }),
      freeSequences: fc.constantFrom(-3, 0, 2, Infinity),
      promised,
    });
    fc.assert(
      fc.property(view, fc.integer({ min: 1, max: 1100 }), fc.integer({ min: 1, max: 4 }), (engine, tokens, sequences) => {
        expect(roomInMs(engine, NOW, tokens, sequences)).toBe(naiveRoomInMs(engine, NOW, tokens, sequences));
      }),
      { numRuns: 2000 },
    );
  }); // prettier-ignore
});

test('promised room stays in the order of its ends and adds up, whatever is promised, moved and given back', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'move', 'remove'),
    which: fc.nat(20),
    endsAt: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Infinity)),
    tokens: fc.nat(100),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const room = new PromisedRoom();
      const kept: Promised[] = [];
      for (const { what, which, endsAt, tokens } of steps) {
        const one = kept[which % Math.max(1, kept.length)];
        if (what === 'add') {
          const promised = { endsAt, tokens, sequences: 1 };
          room.add(promised);
          kept.push(promised);
        } else if (one !== undefined && what === 'move') room.move(one, endsAt);
        else if (one !== undefined) {
          room.remove(one);
          kept.splice(kept.indexOf(one), 1);
        }
        expect(new Set(room.all)).toEqual(new Set(kept));
        const sorted = kept.map((p) => p.endsAt).sort((a, b) => a - b);
        expect(room.all.map((p) => p.endsAt)).toEqual(sorted);
        expect(room.tokens).toBe(kept.reduce((sum, p) => sum + p.tokens, 0));
        expect(room.sequences).toBe(kept.length);
      }
    }),
  );
});

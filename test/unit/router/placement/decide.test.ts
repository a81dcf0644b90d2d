import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EngineView } from '#router/placement/cost.ts';
import { decide, type PlaceInput } from '#router/placement/decide.ts';
import { PromisedRoom } from '#router/placement/room.ts';
import { anyRoom } from './any-room.ts';
import { allCandidates } from './naive.ts';

const NONE = { prefill: new Set<string>(), decode: new Set<string>(), target: new Set<string>() };
const engine = (name: string, role: EngineView['role'], node: string | null, more: Partial<EngineView> = {}): EngineView => ({
  name, role, node, holder: node, dialect: 'baton', healthy: true, namespace: node === null ? null : 'n', kvTokens: 100_000, freeTokens: 100_000,
  freeSequences: Infinity, promised: new PromisedRoom(), decodeMsPerToken: 10, measuredAt: null, pendingTokens: 0, running: 0, others: 0,
  prefillTokensPerS: 2000, pullMsPerToken: 0, ...more,
}); // prettier-ignore
const input = (engines: EngineView[], more: Partial<PlaceInput> = {}): PlaceInput => ({
  engines, mode: 'auto', fallback: false, namespace: 'n', direct: false, localBecause: null, promptTokens: 4000,
  room: { tokens: 4100, sequences: 1 }, answerTokens: 100, roomAhead: 1, roomWithinMs: 120_000, pullWithinMs: 15_000, firstTokenWithinMs: Infinity, now: 1000,
  cachedOn: () => 0, excluded: NONE, transferTo: () => ({ bytesPerToken: 1000, layers: 4, bytesPerS: 1e9 }), handoffMs: 15,
  unit: () => 0, ...more,
}); // prettier-ignore
/** Room of so many tokens that one request has until then. */
const until = (endsAt: number, tokens: number): PromisedRoom => {
  const room = new PromisedRoom();
  const one = { tokens, sequences: 1, readyAt: 0, holdsMs: 0, latestAt: Infinity, endsAt: null };
  room.add(one);
  room.begins(one, endsAt);
  return room;
};
const pair = [engine('d', 'decode', 'b'), engine('p', 'prefill', 'a')];

const anyEngine = fc
  .tuple(
    anyRoom,
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      role: fc.constantFrom('prefill' as const, 'decode' as const, 'both' as const),
      node: fc.constantFrom('x', 'y', 'z', null),
      holder: fc.constantFrom('x', 'y', 'z', null),
      dialect: fc.constantFrom('baton' as const, 'baton' as const, 'vllm-nixl' as const, 'local' as const),
      healthy: fc.boolean(),
      namespace: fc.constantFrom('n', 'm', null),
      pendingTokens: fc.oneof(fc.constant(0), fc.nat(3000)),
      running: fc.nat(20),
      others: fc.nat(20),
      prefillTokensPerS: fc.integer({ min: 100, max: 10_000 }),
      pullMsPerToken: fc.constantFrom(0, 0.1, 5),
      decodeMsPerToken: fc.constantFrom(1, 20, Infinity),
      measuredAt: fc.constantFrom(null, 500, -20_000, -Infinity),
    }),
  )
  .map(([room, rest]) => ({ ...room, ...rest }));
const names = fc.subarray(['a', 'b', 'c', 'd', 'e', 'f']).map((list) => new Set(list));
const anyInput = fc
  .record({
    engines: fc.uniqueArray(anyEngine, { selector: (e) => e.name, maxLength: 6 }),
    mode: fc.constantFrom('auto' as const, 'disaggregated' as const, 'local' as const),
    fallback: fc.boolean(),
    namespace: fc.constantFrom('n', null),
    localBecause: fc.constantFrom(null, null, 'reason'),
    direct: fc.boolean(),
    held: fc.record({ x: fc.nat(1000), y: fc.nat(1000), z: fc.nat(1000) }),
    excluded: fc.record({ prefill: names, decode: names, target: names }),
    bytesPerS: fc.integer({ min: 1000, max: 1e9 }),
    chance: fc.double({ min: 0, max: 0.999, noNaN: true }),
    roomAhead: fc.constantFrom(0, 1),
    room: fc.record({ tokens: fc.constantFrom(300, 450), sequences: fc.integer({ min: 1, max: 3 }) }),
    answerTokens: fc.integer({ min: 1, max: 50 }),
    roomWithinMs: fc.constantFrom(500, 120_000),
    pullWithinMs: fc.constantFrom(100, 1000),
    firstTokenWithinMs: fc.constantFrom(Infinity, 200, 1000, 3000),
  })
  .map(({ held, bytesPerS, chance, ...rest }) =>
    input([], {
      ...rest,
      engines: [...rest.engines].sort((a, b) => (a.name < b.name ? -1 : 1)),
      promptTokens: 1000,
      cachedOn: (holder) => (holder === null ? 0 : held[holder as keyof typeof held]),
      transferTo: () => ({ bytesPerToken: 1000, layers: 4, bytesPerS }),
      unit: () => chance,
    }),
  );

describe('against brute force', () => {
  test('the chosen one is possible and costs as little as any', () => {
    fc.assert(
      fc.property(anyInput, (given) => {
        const all = allCandidates(given);
        const { chosen, refusal, lateMs } = decide(given);
        const least = Math.min(...all.map(({ totalMs }) => totalMs));
        if (all.length === 0) {
          expect([chosen, lateMs]).toEqual([null, null]);
          expect(refusal).not.toBeNull();
        } else if (chosen === null) {
          // Which of several equal ones was too late is chance.
          const late = all
            .filter(({ totalMs }) => totalMs <= least + 1e-6)
            .map(({ firstTokenMs, roomMs }) => [
              firstTokenMs - roomMs <= given.firstTokenWithinMs ? 'no_room' : 'overloaded',
              Math.round(firstTokenMs - given.firstTokenWithinMs),
            ]);
          expect(late).toContainEqual([refusal, Math.round(lateMs ?? NaN)]);
          expect(lateMs).toBeGreaterThan(0);
        } else {
          const same = all.find(
            (c) => c.kind === chosen.kind && c.prefill === chosen.prefill && c.decode === chosen.decode,
          );
          expect(same?.totalMs).toBeCloseTo(least, 6);
          const computing = given.engines.find(({ name }) => name === (chosen.prefill ?? chosen.decode));
          const tried =
            computing?.pendingTokens === 0 && chosen.roomMs === 0 && (computing.measuredAt ?? 0) < -9000;
          if (!tried) expect(same?.firstTokenMs).toBeLessThanOrEqual(given.firstTokenWithinMs);
          expect(refusal).toBeNull();
        }
      }),
      { numRuns: 2000 },
    );
  }, 60_000);

  test('the same snapshot and the same chance give the same decision', () => {
    fc.assert(fc.property(anyInput, (given) => { expect(decide(given)).toEqual(decide(given)); })); // prettier-ignore
  });
});

describe('auto', () => {
  test('chooses local for a short prompt and a handoff for a long one', () => {
    expect(decide(input(pair, { promptTokens: 20, room: { tokens: 30, sequences: 1 } })).chosen?.kind).toBe(
      'local',
    );
    expect(decide(input(pair)).chosen).toMatchObject({ kind: 'disaggregated', prefill: 'p', decode: 'd' });
  });

  test('chooses local when the decode node holds nearly all', () => {
    const cachedOn = (node: string | null): number => (node === 'b' ? 3990 : 0);
    expect(decide(input(pair, { cachedOn })).chosen).toMatchObject({ kind: 'local', cachedTokens: 3990 });
  });

  test('goes where the chunks are, unless the queue there costs more', () => {
    const engines = [engine('d', 'decode', 'b'), engine('p1', 'prefill', 'a'), engine('p2', 'prefill', 'c')];
    const cachedOn = (node: string | null): number => (node === 'c' ? 2000 : 0);
    expect(decide(input(engines, { cachedOn })).chosen?.prefill).toBe('p2');
    engines[2] = engine('p2', 'prefill', 'c', { pendingTokens: 5000 });
    expect(decide(input(engines, { cachedOn })).chosen?.prefill).toBe('p1');
  });
});

describe('room to decode in', () => {
  // 4 000 tokens take 2 s to compute, 15 ms to hand over.
  const busy = (endsInMs: number, more: Partial<EngineView> = {}) => [
    engine('d', 'decode', 'b', {
      kvTokens: 6000,
      freeTokens: 1000,
      promised: until(1000 + endsInMs, 5000),
      ...more,
    }),
    engine('p', 'prefill', 'a'),
  ];
  const placed = (engines: EngineView[], more: Partial<PlaceInput> = {}) =>
    decide(input(engines, { mode: 'disaggregated', ...more }));

  test('that is there when the prompt has been computed costs nothing', () => {
    expect(placed(busy(1999)).chosen).toMatchObject({ roomMs: 0, prefill: 'p', decode: 'd' });
  });

  test('that comes later is waited for, as long as the first token may take', () => {
    const { chosen } = placed(busy(5000), { firstTokenWithinMs: 5000 });
    expect(chosen?.totalMs).toBe(5000);
    expect(placed(busy(5000), { firstTokenWithinMs: 4900 })).toMatchObject({
      chosen: null,
      refusal: 'no_room',
      lateMs: 100,
    });
  });

  test('is no reason where there is too much to compute anyway', () => {
    expect(placed(busy(5000), { firstTokenWithinMs: 1000 })).toMatchObject({ refusal: 'overloaded' });
  });

  test('is sought where it comes first', () => {
    const engines = [...busy(5000), engine('e', 'decode', 'c', { freeSequences: 0, promised: until(4000, 10) })]; // prettier-ignore
    expect(placed(engines).chosen).toMatchObject({ decode: 'e', totalMs: 3000 });
  });

  test('is none where the decode leg would have been given up by then', () => {
    expect(placed(busy(5000), { roomWithinMs: 4999 })).toMatchObject({ refusal: 'no_room', lateMs: null });
  });

  test('is promised ahead up to the bound', () => {
    expect(placed(busy(100), { roomAhead: 0.5 }).refusal).toBe('no_room');
    expect(placed(busy(100), { roomAhead: 0.6 }).refusal).toBeNull();
  });
});

test('an engine that has long done nothing is tried, however slow it was when it last did something', () => {
  const slow = (more: Partial<EngineView>) =>
    decide(
      input([engine('d', 'decode', 'b', { prefillTokensPerS: 100, ...more })], { firstTokenWithinMs: 2000 }),
    );
  expect(slow({ measuredAt: 1000 - 5000 }).refusal).toBe('overloaded');
  expect(slow({ measuredAt: 1000 - 15_000 }).chosen?.decode).toBe('d');
  expect(slow({ measuredAt: 1000 - 15_000, pendingTokens: 1 }).refusal).toBe('overloaded');
  expect(slow({ measuredAt: null }).refusal).toBe('overloaded');
});

describe('engines that pull for themselves', () => {
  const pulling = (pullMsPerToken: number) => [
    engine('d', 'decode', null, { dialect: 'vllm-nixl', pullMsPerToken }),
    engine('p', 'prefill', null, { dialect: 'vllm-nixl' }),
  ];

  test('get nothing that they could pull only after its blocks are gone', () => {
    const promised = until(1000 + 20_000, 10);
    const [decode = engine('d', 'decode', null), prefill = decode] = pulling(0);
    const engines = [{ ...decode, freeSequences: 0, promised }, prefill];
    expect(decide(input(engines, { direct: true })).refusal).toBe('no_room');
    expect(decide(input(engines, { direct: true, pullWithinMs: 21_000 })).chosen?.decode).toBe('d');
  });

  test('are charged for every token that they lack, as measured', () => {
    const { chosen } = decide(input(pulling(0.1), { direct: true, mode: 'disaggregated' }));
    expect(chosen?.transferMs).toBe(4000 * 0.1 + 15);
  });

  test('compute a prompt themselves where pulling it costs more', () => {
    expect(decide(input(pulling(0.1), { direct: true })).chosen?.kind).toBe('disaggregated');
    expect(decide(input(pulling(2), { direct: true })).chosen?.kind).toBe('local');
  });
});

describe('bounds and modes', () => {
  test('a decode engine without room is never chosen', () => {
    const full = [engine('d', 'decode', 'b', { freeTokens: 4099 }), engine('p', 'prefill', 'a')];
    expect(decide(input(full))).toMatchObject({ chosen: null, refusal: 'no_room' });
  });

  test('disaggregated never goes local by itself; after a failure it may, and says so', () => {
    const alone = [engine('d', 'decode', 'b')];
    expect(decide(input(alone, { mode: 'disaggregated' }))).toMatchObject({
      chosen: null,
      refusal: 'no_worker',
    });
    const fallback = decide(input(alone, { mode: 'disaggregated', fallback: true }));
    expect(fallback).toMatchObject({ chosen: { kind: 'local' }, reason: 'fallback: no pair is left' });
  });

  test('what can only be local is local in every mode', () => {
    const decision = decide(
      input(pair, { mode: 'disaggregated', namespace: null, localBecause: 'unnamed: media' }),
    );
    expect(decision).toMatchObject({ chosen: { kind: 'local' }, reason: 'unnamed: media' });
  });

  test('a pair needs one namespace', () => {
    const mixed = [engine('d', 'decode', 'b', { namespace: 'm' }), engine('p', 'prefill', 'a')];
    expect(decide(input(mixed, { mode: 'disaggregated' })).refusal).toBe('no_worker');
  });

  test('a pair needs one dialect, and no names where engines hand over among themselves', () => {
    const nixl = [
      engine('d', 'decode', null, { dialect: 'vllm-nixl' }),
      engine('p', 'prefill', null, { dialect: 'vllm-nixl' }),
    ];
    const unnamed = { mode: 'disaggregated' as const, namespace: null, localBecause: 'unnamed: no renderer' };
    expect(decide(input(nixl, { ...unnamed, direct: true })).chosen).toMatchObject({ kind: 'disaggregated', prefill: 'p', decode: 'd' }); // prettier-ignore
    expect(decide(input(nixl, unnamed)).chosen?.kind).toBe('local');
    const [decode = engine('d', 'decode', null)] = nixl;
    const mixed = [decode, engine('p', 'prefill', 'a')];
    expect(decide(input(mixed, { mode: 'disaggregated', direct: true })).refusal).toBe('no_worker');
  });

  test('equal costs are spread by chance, in the order of names', () => {
    const twins = [engine('d1', 'decode', 'b'), engine('d2', 'decode', 'c')];
    const at = (chance: number) => decide(input(twins, { mode: 'local', unit: () => chance })).chosen?.decode;
    expect([at(0), at(0.49), at(0.5), at(0.99)]).toEqual(['d1', 'd1', 'd2', 'd2']);
  });
});

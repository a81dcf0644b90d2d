// Decode engines as they may be met, for property tests: what they have promised, and how much is free beside it.
import fc from 'fast-check';
import { PromisedRoom, type Promised, type RoomView } from '#router/placement/room.ts';

export const NOW = 1000;

const anyPromised = (endsAt: fc.Arbitrary<number | null>): fc.Arbitrary<Promised> =>
  fc.record({
    tokens: fc.integer({ min: 1, max: 400 }),
    sequences: fc.integer({ min: 1, max: 3 }),
    readyAt: fc.integer({ min: 800, max: 1600 }),
    holdsMs: fc.oneof(fc.integer({ min: 0, max: 900 }), fc.constant(Infinity)),
    latestAt: fc.oneof(fc.integer({ min: 900, max: 2500 }), fc.constant(Infinity)),
    endsAt,
  });

export const anyRoom: fc.Arbitrary<RoomView> = fc
  .record({
    kvTokens: fc.constantFrom(500, 1000, 100_000),
    spareTokens: fc.integer({ min: -1500, max: 800 }),
    spareSequences: fc.constantFrom(-4, -1, 0, 2, Infinity),
    running: fc.array(anyPromised(fc.oneof(fc.integer({ min: 500, max: 1900 }), fc.constant(Infinity))), {
      maxLength: 7,
    }),
    waiting: fc.array(anyPromised(fc.constant(null)), { maxLength: 6 }),
  })
  .map(({ kvTokens, spareTokens, spareSequences, running, waiting }) => {
    const promised = new PromisedRoom();
    for (const one of waiting) promised.add(one);
    for (const { endsAt, ...rest } of running) {
      const one: Promised = { ...rest, endsAt: null };
      promised.add(one);
      promised.begins(one, endsAt ?? 0);
    }
    return { kvTokens, freeTokens: spareTokens, freeSequences: spareSequences, promised };
  });

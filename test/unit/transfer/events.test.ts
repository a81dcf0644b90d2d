import { expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import { changeOf, listing } from '#transfer/events.ts';
import type { NativeChunkEvents } from '#transfer/native.ts';
import { seededRandom } from '#core/random.ts';
import { keyOf } from './world.ts';

const eventsOf = (list: [kind: 1 | 2, key: number][]): NativeChunkEvents => ({
  kinds: Uint8Array.from(list, ([kind]) => kind),
  keys: Buffer.concat(list.map(([, key]) => keyOf(key))),
  namespaces: new Uint8Array(32 * list.length),
  tokens: new Uint32Array(list.length),
});

const firsts = (keys: Uint8Array): number[] => [...keys].filter((_, i) => i % 32 === 0);

test('no events are no message', () => {
  expect(changeOf(eventsOf([]))).toBeNull();
});

test('a batch of events leaves a router with what the arena holds, in whichever order keys came and went', () => {
  const random = seededRandom(3);
  for (let round = 0; round < 100; round++) {
    const holds = new Set<number>();
    const list = Array.from({ length: 30 }, (): [1 | 2, number] => {
      const key = Math.floor(random.unit() * 6);
      const kind = holds.has(key) ? 2 : 1;
      if (kind === 1) holds.add(key);
      else holds.delete(key);
      return [kind, key];
    });
    const change = changeOf(eventsOf(list));
    expect(new Set(firsts(change?.stored ?? Buffer.alloc(0)))).toEqual(holds);
    expect(firsts(change?.removed ?? Buffer.alloc(0)).some((key) => holds.has(key))).toBe(false);
  }
});

test('a listing is cut into pages; only the first voids what was known', () => {
  const count = 2 * LIMITS.listedKeysMax + 1;
  const keys = new Uint8Array(32 * count).map((_, i) => i);
  const pages = listing({ ...eventsOf([]), kinds: new Uint8Array(count).fill(1), keys });
  expect(pages.map(({ relist }) => relist)).toEqual([true, false, false]);
  expect(pages.map(({ stored }) => stored.length / 32)).toEqual([
    LIMITS.listedKeysMax,
    LIMITS.listedKeysMax,
    1,
  ]);
  expect(Buffer.concat(pages.map(({ stored }) => stored)).equals(keys)).toBe(true);
});

test('an empty listing still voids what was known', () => {
  expect(listing(eventsOf([]))).toEqual([
    { relist: true, stored: Buffer.alloc(0), removed: Buffer.alloc(0) },
  ]);
});

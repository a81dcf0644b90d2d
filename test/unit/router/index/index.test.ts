import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkIndex } from '#router/index/index.ts';
import { NaiveIndex } from './naive.ts';

const key = (i: number): Uint8Array => new Uint8Array(32).fill(i);
const keys = fc.array(fc.nat(7).map(key), { maxLength: 6 });
const node = fc.constantFrom('a', 'b', 'c');

test('agrees with the naive one on any history', () => {
  const step = fc.oneof(
    fc.record({ verb: fc.constant('stored' as const), node, keys }),
    fc.record({ verb: fc.constant('removed' as const), node, keys }),
    fc.record({ verb: fc.constant('clear' as const), node, keys }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), keys, (steps, asked) => {
      const index = new ChunkIndex(1000);
      const naive = new NaiveIndex();
      for (const one of steps) {
        if (one.verb === 'clear') {
          index.clear(one.node);
          naive.clear(one.node);
        } else {
          index[one.verb](one.node, Buffer.concat(one.keys));
          naive[one.verb](one.node, one.keys);
        }
      }
      expect(index.match(Buffer.concat(asked))).toEqual(naive.match(asked));
    }),
  );
});

test('a prefix counts only while it is unbroken', () => {
  const index = new ChunkIndex(10);
  index.stored('a', Buffer.concat([key(0), key(2)]));
  expect(index.match(Buffer.concat([key(0), key(1), key(2)]))).toEqual(new Map([['a', 1]]));
});

test('is bounded, and keeps what was asked for last', () => {
  const index = new ChunkIndex(3);
  index.stored('a', Buffer.concat([key(0), key(1), key(2)]));
  index.match(key(0));
  index.stored('a', key(3));
  expect([index.size, index.evicted]).toEqual([3, 1]);
  expect(index.match(key(0)).get('a')).toBe(1);
  expect(index.match(key(1)).size).toBe(0);
  index.clear('a');
  expect(index.size).toBe(0);
});

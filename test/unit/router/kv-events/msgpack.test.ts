import { Encoder } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedError, readValue, type Value } from '#router/kv-events/msgpack.ts';

const BOUNDS = { depthMax: 8, lengthMax: 10_000, bytesMax: 4096 };
const encoder = new Encoder({ useBigInt64: true });

/** As the other library's encoder takes it. */
const plain = (value: Value): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, plain(one)]));
  return Array.isArray(value) ? value.map(plain) : value;
};
const tree = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((x) => !Number.isSafeInteger(x)),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.string({ maxLength: 300, unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 20, noNullPrototype: true }).map((o) => new Map(Object.entries(o))),
  ),
})).value; // prettier-ignore

describe('against another library', () => {
  test('what it writes is read as it was', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(plain(readValue(encoder.encode(plain(value)), BOUNDS))).toEqual(plain(value));
      }),
      { numRuns: 500 },
    );
  });

  test('a value cut short, or followed by more, is refused', () => {
    fc.assert(
      fc.property(tree, fc.nat(), (value, cut) => {
        const bytes = encoder.encode(plain(value));
        expect(() => readValue(bytes.subarray(0, cut % bytes.length), BOUNDS)).toThrow(MalformedError);
        expect(() => readValue(Buffer.concat([bytes, Buffer.of(0)]), BOUNDS)).toThrow(MalformedError);
      }),
    );
  });
});

test('a string that is no UTF-8 is refused, or two of them could read alike', () => {
  const text = (...bytes: number[]): Value => readValue(Buffer.of(0xa0 + bytes.length, ...bytes), BOUNDS);
  expect(() => text(0x47, 0x50, 0xc7)).toThrow(MalformedError);
  expect(() => text(0xed, 0xa0, 0x80)).toThrow(MalformedError);
  expect(text(...Buffer.from('a\ufffdb'))).toBe('a\ufffdb');
});

test('bytes of any kind are read or refused, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readValue(bytes, BOUNDS);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['a list longer than the input', 'dd00002000'],
  ['a list beyond the bound', 'ddffffffff'],
  ['nested lists that claim much', 'dd00000005'.repeat(9)],
  ['nesting beyond the bound', `${'91'.repeat(9)}c0`],
  ['a string beyond the bound', `db00001001${'61'.repeat(0x1001)}`],
  ['a key twice', '82a161c0a161c0'],
  ['a key that is no string', '8101c0'],
  ['an extension', 'd40100'],
  ['the unused tag', 'c1'],
])('%s is refused', (_, hex) => {
  expect(() => readValue(Buffer.from(hex, 'hex'), BOUNDS)).toThrow(MalformedError);
});

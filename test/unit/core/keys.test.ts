import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex, hex, keyAt } from '#core/ids.ts';
import { chunkKey, chunkKeys, encodeNamespace, namespaceDigest, rootOf } from '#core/keys.ts';

interface Golden {
  secret: string;
  namespaces: { facts: GoldenFacts; encoding: string; digest: string }[];
  roots: { namespace: string; salt: string; root: string }[];
  chains: { tokens: number; keys: string[] }[];
}
interface GoldenFacts {
  model: string; revision: string; quantisation: string; adapter: string; kvDtype: string; scales: string; position: string;
  chunkTokens: number; layers: number; heads: number; planeNames: string[]; planeBytes: number[];
} // prettier-ignore

const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/golden.json', import.meta.url), 'utf8'),
) as Golden;
const bytes = (text: string): Uint8Array => Buffer.from(text, 'hex');
const root = bytes(golden.roots[0]?.root ?? '');
const tokensOf = (n: number): Uint32Array =>
  Uint32Array.from({ length: n }, (_, i) => (i * 2654435761) % 50000);

describe('names agree with the golden vectors of other libraries', () => {
  test.each(golden.namespaces)('namespace of $facts.model', ({ facts, encoding, digest }) => {
    const { layers, heads, planeBytes, chunkTokens, ...rest } = facts;
    const whole = { ...rest, geometry: { layers, heads, planeBytes, chunkTokens } };
    expect(hex(encodeNamespace(whole))).toBe(encoding);
    expect(hex(namespaceDigest(whole))).toBe(digest);
  });
  test.each(golden.roots)('root of $namespace with salt "$salt"', ({ namespace, salt, root: expected }) => {
    expect(hex(rootOf(bytes(golden.secret), bytes(namespace), salt))).toBe(expected);
  });
  test.each(golden.chains)('keys of a prompt of $tokens tokens', ({ tokens, keys }) => {
    const made = chunkKeys(root, tokensOf(tokens), 256);
    expect(keys.map((_, i) => hex(keyAt(made, i)))).toEqual(keys);
    expect(made.length).toBe(keys.length * 32);
  });
});

describe('keys differ whenever what they name differs', () => {
  const base = chunkKey(root, tokensOf(256));
  test.each([
    ['the previous key', chunkKey(base, tokensOf(256))],
    [
      'a token',
      chunkKey(
        root,
        Uint32Array.from(tokensOf(256), (t, i) => (i === 100 ? t + 1 : t)),
      ),
    ],
    ['the token count', chunkKey(root, tokensOf(255))],
    ['extra inputs', chunkKey(root, tokensOf(256), Buffer.from('image'))],
  ])('%s', (_, other) => {
    expect(hex(other)).not.toBe(hex(base));
  });
  test('a view into a larger array names only its own tokens', () => {
    const large = tokensOf(600);
    expect(hex(chunkKey(root, large.subarray(10, 20)))).toBe(hex(chunkKey(root, large.slice(10, 20))));
  });
});

test('hex of a wrong length or alphabet is refused', () => {
  expect(fromHex('00ff', 2)).toEqual(Buffer.from([0, 255]));
  expect(fromHex('00f', 2)).toBeNull();
  expect(fromHex('zzzz', 2)).toBeNull();
});

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { seededRandom } from '#core/random.ts';
import { Roots } from '#router/roots.ts';
import { createTenants } from '#router/tenants.ts';

const sha = (key: string): string => createHash('sha256').update(key).digest('hex');
const two = [
  { name: 'one', secret: 'a'.repeat(32), keys: [sha('k1'), sha('k1b')] },
  { name: 'two', secret: 'b'.repeat(32), keys: [sha('k2')] },
];
const code = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return BatonError.from(error).code;
  }
};

describe('tenants', () => {
  test('are the configured owners of API keys', () => {
    const tenants = createTenants(two, null, seededRandom(1));
    expect(['k1', 'k1b', 'k2'].map((key) => tenants.of(`Bearer ${key}`).name)).toEqual(['one', 'one', 'two']);
    for (const wrong of [undefined, '', 'Bearer', 'Bearer k3', 'Basic k1', sha('k1')]) {
      expect(code(() => tenants.of(wrong))).toBe('invalid_api_key');
    }
  });

  test('without a section are one, whatever key comes, with a secret that the cluster key decides', () => {
    const secretOf = (key: string | null): string => {
      const tenant = createTenants([], key === null ? null : Buffer.from(key), seededRandom(1)).of(
        'Bearer x',
      );
      expect(tenant.name).toBe('default');
      return Buffer.from(tenant.secret).toString('hex');
    };
    expect(secretOf(null)).toBe(secretOf(null));
    expect(new Set([secretOf(null), secretOf('k'.repeat(32)), secretOf('l'.repeat(32))]).size).toBe(3);
  });

  test('may not share a key', () => {
    const shared = [...two, { name: 'three', secret: 'c'.repeat(32), keys: [sha('k1')] }];
    expect(code(() => createTenants(shared, null, seededRandom(1)))).toBe('bad_config');
  });
});

test('roots differ by tenant, namespace and salt, and are the same for the same three', () => {
  const tenants = createTenants(two, null, seededRandom(1));
  const roots = new Roots();
  const all = ['k1', 'k2'].flatMap((key) =>
    ['11'.repeat(32), '22'.repeat(32), null].flatMap((namespace) =>
      ['', 'salt'].map((salt) => () => roots.of(tenants.of(`Bearer ${key}`), namespace, salt).hex),
    ),
  );
  const first = all.map((root) => root());
  expect(new Set(first).size).toBe(12);
  expect(all.map((root) => root())).toEqual(first);
});

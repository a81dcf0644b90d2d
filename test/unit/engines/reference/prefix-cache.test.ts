import { expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';
import { PagePool } from '#engines/reference/pages.ts';
import { PageHashes, PrefixCache } from '#engines/reference/prefix-cache.ts';

const PAGES = 12;

/** Every fact in plain lists; a page's life is written out. */
class Naive {
  users = new Map<number, number>();
  named: { hash: string; page: number }[] = [];
  /** Unused named pages, oldest first. */
  idle: number[] = [];

  get available(): number {
    return PAGES - [...this.users.values()].filter((users) => users > 0).length;
  }

  match(hashes: readonly string[]): number[] {
    const found = hashes.map((hash) => this.named.find((entry) => entry.hash === hash)?.page);
    const end = found.indexOf(undefined);
    return (end < 0 ? found : found.slice(0, end)) as number[];
  }

  taken(pages: readonly number[], free: number): void {
    pages.forEach((page, i) => {
      if (i >= free) expect(page).toBe(this.idle.shift());
      this.named = this.named.filter((entry) => entry.page !== page);
      this.users.set(page, 1);
    });
  }

  release(pages: readonly number[]): void {
    for (const page of pages.toReversed()) {
      const users = (this.users.get(page) ?? 0) - 1;
      this.users.set(page, users);
      if (users === 0 && this.named.some((entry) => entry.page === page)) this.idle.push(page);
    }
  }
}

test('pool and cache agree with the naive ones over random lives of sequences', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const pick = (n: number): number => Math.floor(random.unit() * n);
    const cache = new PrefixCache();
    const pool = new PagePool(PAGES, cache);
    const naive = new Naive();
    const live: { pages: number[]; hashes: string[] }[] = [];
    for (let turn = 0; turn < 300; turn++) {
      if (live.length > 0 && pick(2) === 0) {
        const [gone] = live.splice(pick(live.length), 1);
        pool.release(gone?.pages ?? []);
        naive.release(gone?.pages ?? []);
      } else {
        // Two-letter alphabets share many beginnings.
        const hashes = Array.from({ length: 1 + pick(5) }, () => 'ab'[pick(2)] ?? '').map((_, i, all) =>
          all.slice(0, i + 1).join(''),
        );
        const own = cache.match(hashes, hashes.length);
        expect(own).toEqual(naive.match(hashes));
        for (const page of own) {
          pool.share(page);
          naive.users.set(page, (naive.users.get(page) ?? 0) + 1);
          naive.idle = naive.idle.filter((other) => other !== page);
        }
        const free =
          PAGES - naive.idle.length - [...naive.users.values()].filter((users) => users > 0).length;
        const rest = pool.take(hashes.length - own.length);
        if (rest === null) {
          pool.release(own);
          naive.release(own);
        } else {
          naive.taken(rest, free);
          const pages = [...own, ...rest];
          pages.forEach((page, i) => {
            const hash = hashes[i] ?? '';
            cache.register(hash, page);
            if (!naive.named.some((entry) => entry.hash === hash || entry.page === page))
              naive.named.push({ hash, page });
          });
          live.push({ pages, hashes });
        }
      }
      expect(pool.available).toBe(naive.available);
      expect(pool.used).toBe(PAGES - naive.available);
    }
  }
});

test('hashes depend on the salt and on all tokens before', () => {
  const hash = (salt: string, tokens: number[], pages: number): string | undefined =>
    new PageHashes(Buffer.from(salt), 2).upTo(pages, Uint32Array.from(tokens))[pages - 1];
  const base = hash('a', [1, 2, 3, 4], 2);
  expect(hash('a', [1, 2, 3, 4, 9], 2)).toBe(base);
  for (const other of [
    hash('b', [1, 2, 3, 4], 2),
    hash('a', [0, 2, 3, 4], 2),
    hash('a', [1, 2, 3, 5], 2),
    hash('a', [3, 4], 1),
  ]) {
    expect(other).not.toBe(base);
  }
});

test('a growing sequence hashes each page once and like one that was always long', () => {
  const tokens = Uint32Array.from({ length: 20 }, (_, i) => i);
  const growing = new PageHashes(Buffer.from('salt'), 4);
  for (const length of [4, 8, 9, 20]) growing.upTo(Math.floor(length / 4), tokens.subarray(0, length));
  expect(growing.upTo(5, tokens)).toEqual(new PageHashes(Buffer.from('salt'), 4).upTo(5, tokens));
});

test('a page released too often is refused', () => {
  const pool = new PagePool(2, new PrefixCache());
  const pages = pool.take(1) ?? [];
  pool.release(pages);
  expect(() => { pool.release(pages); }).toThrow(/not in use/); // prettier-ignore
});

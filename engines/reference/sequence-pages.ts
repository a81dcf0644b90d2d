// The pages of sequences: found in the prefix cache, taken from the pool, made findable, given back.
import type { PagePool } from './pages.ts';
import type { PrefixCache } from './prefix-cache.ts';
import type { Sequence } from './sequence.ts';

export class SequencePages {
  readonly #pool: PagePool;
  readonly #cache: PrefixCache;
  readonly #pageTokens: number;

  constructor(pool: PagePool, cache: PrefixCache, pageTokens: number) {
    this.#pool = pool;
    this.#cache = cache;
    this.#pageTokens = pageTokens;
  }

  /** Takes a use of the cached pages that hold the sequence's leading tokens, the last token never among them. */
  find(sequence: Sequence): number[] {
    const count = Math.floor((sequence.length - 1) / this.#pageTokens);
    const hashes = sequence.hashes?.upTo(count, sequence.tokens(sequence.length));
    const found = hashes === undefined ? [] : this.#cache.match(hashes, count);
    for (const page of found) this.#pool.share(page);
    return found;
  }

  /**
   * Gives the sequence pages for all its tokens: of those `found` the ones that end by `keep` tokens, and fresh ones. False,
   * and nothing is taken, when fewer than `spare` pages would be left.
   */
  place(sequence: Sequence, found: readonly number[], keep: number, spare: number): boolean {
    const kept = found.slice(0, keep / this.#pageTokens);
    this.#pool.release(found.slice(kept.length));
    const needed = Math.ceil(sequence.length / this.#pageTokens) - kept.length;
    const fresh = needed + spare > this.#pool.available ? null : this.#pool.take(needed);
    if (fresh === null) {
      this.#pool.release(kept);
      return false;
    }
    sequence.pages = [...kept, ...fresh];
    sequence.registered = kept.length;
    sequence.computed = kept.length * this.#pageTokens;
    return true;
  }

  /** A page for the sequence's last token, unless it has one; false: there is none. */
  extend(sequence: Sequence): boolean {
    if (sequence.pages.length * this.#pageTokens >= sequence.length) return true;
    const page = this.#pool.take(1);
    if (page !== null) sequence.pages.push(...page);
    return page !== null;
  }

  /** Full pages whose tokens are computed become findable. */
  register(sequence: Sequence): void {
    const full = Math.floor(sequence.computed / this.#pageTokens);
    if (sequence.hashes === null || full <= sequence.registered) return;
    const hashes = sequence.hashes.upTo(full, sequence.tokens(sequence.computed));
    for (let i = sequence.registered; i < full; i++)
      this.#cache.register(hashes[i] ?? '', sequence.pages[i] ?? -1);
    sequence.registered = full;
  }

  release(sequence: Sequence): void {
    this.#pool.release(sequence.pages);
    sequence.pages = [];
    sequence.computed = 0;
    sequence.registered = 0;
  }
}

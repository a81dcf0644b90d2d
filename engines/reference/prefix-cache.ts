// The engine's own prefix cache: full pages by the hash chain of their tokens, the salt first. A page is registered only
// after the step that wrote its last token.
import { createHash } from 'node:crypto';
import type { PageKeeper } from './pages.ts';

/** Hash chain of one sequence's full pages, computed once as the sequence grows. */
export class PageHashes {
  readonly #pageTokens: number;
  readonly #hashes: string[] = [];
  #last: Uint8Array;

  constructor(salt: Uint8Array, pageTokens: number) {
    this.#pageTokens = pageTokens;
    this.#last = createHash('sha256').update(salt).digest();
  }

  /** Hashes of the first `count` pages, which `tokens` must fill. */
  upTo(count: number, tokens: Uint32Array): readonly string[] {
    for (let i = this.#hashes.length; i < count; i++) {
      const page = tokens.subarray(i * this.#pageTokens, (i + 1) * this.#pageTokens);
      const bytes = new Uint8Array(page.buffer, page.byteOffset, page.byteLength);
      const digest = createHash('sha256').update(this.#last).update(bytes).digest();
      this.#last = digest;
      this.#hashes.push(digest.toString('base64'));
    }
    return this.#hashes;
  }
}

export class PrefixCache implements PageKeeper {
  readonly #pageOf = new Map<string, number>();
  readonly #hashOf = new Map<number, string>();
  /** Unused pages, the one unused longest first. */
  readonly #idle = new Set<number>();

  get kept(): number {
    return this.#idle.size;
  }

  /** Pages that hold the leading tokens, at most `count` of them. */
  match(hashes: readonly string[], count: number): number[] {
    const pages: number[] = [];
    while (pages.length < count) {
      const page = this.#pageOf.get(hashes[pages.length] ?? '');
      if (page === undefined) break;
      pages.push(page);
    }
    return pages;
  }

  /** The page's tokens are computed. The first page of a hash stands for it; later ones are not kept. */
  register(hash: string, page: number): void {
    if (this.#pageOf.has(hash) || this.#hashOf.has(page)) return;
    this.#pageOf.set(hash, page);
    this.#hashOf.set(page, hash);
  }

  idle(page: number): boolean {
    if (!this.#hashOf.has(page)) return false;
    this.#idle.add(page);
    return true;
  }

  busy(page: number): void {
    this.#idle.delete(page);
  }

  evict(): number {
    for (const page of this.#idle) {
      this.#idle.delete(page);
      this.#pageOf.delete(this.#hashOf.get(page) ?? '');
      this.#hashOf.delete(page);
      return page;
    }
    return -1;
  }
}

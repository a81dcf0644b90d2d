// The engine's own KV pages: who uses each of them, by reference counts. Pages that nobody uses but whose KV the prefix
// cache still names are its to give up, oldest first.

/** Who may keep unused pages: the prefix cache. */
export interface PageKeeper {
  /** Nobody uses the page any more: true when it is kept, false when it is free. */
  idle(page: number): boolean;
  /** A kept page is used again. */
  busy(page: number): void;
  /** Gives up the kept page that was used longest ago; -1: none is kept. */
  evict(): number;
  /** Pages kept unused. */
  readonly kept: number;
}

export class PagePool {
  readonly total: number;
  readonly #users: Uint32Array;
  readonly #free: number[];
  readonly #keeper: PageKeeper;

  constructor(total: number, keeper: PageKeeper) {
    this.total = total;
    this.#users = new Uint32Array(total);
    this.#free = Array.from({ length: total }, (_, i) => total - 1 - i);
    this.#keeper = keeper;
  }

  /** Pages that `take` could give now. */
  get available(): number {
    return this.#free.length + this.#keeper.kept;
  }

  /** Pages in use by sequences. */
  get used(): number {
    return this.total - this.available;
  }

  /** `count` pages, each used once; null when there are not as many. */
  take(count: number): number[] | null {
    if (count > this.available) return null;
    const pages: number[] = [];
    while (pages.length < count) {
      const page = this.#free.pop() ?? this.#keeper.evict();
      this.#users[page] = 1;
      pages.push(page);
    }
    return pages;
  }

  /** One more user of a page that is in use or kept. */
  share(page: number): void {
    const users = this.#users[page] ?? 0;
    if (users === 0) this.#keeper.busy(page);
    this.#users[page] = users + 1;
  }

  /** One user less of each page. Give pages in the order of their tokens: the last is the first to be evicted. */
  release(pages: readonly number[]): void {
    for (let i = pages.length - 1; i >= 0; i--) {
      const page = pages[i] ?? -1;
      const users = this.#users[page] ?? 0;
      if (users === 0) throw new Error(`page ${page} is released but not in use`);
      this.#users[page] = users - 1;
      if (users === 1 && !this.#keeper.idle(page)) this.#free.push(page);
    }
  }
}

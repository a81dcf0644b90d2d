// A model whose answer depends on every KV value it used: one number per token, layer and head, each made from the one before it and
// the token, read from the pages. Wrong, stale, foreign or mixed KV changes the answer.
import type { Geometry } from '#core/geometry.ts';

export const VOCAB = 256;

export function nextValue(previous: number, token: number, lane: number): number {
  const mixed = Math.imul(previous ^ (token + 0x9e3779b9 + Math.imul(lane, 0x632be5ab)), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Where a sequence's chain begins: the request's seed stands for its tenant. */
export const firstValue = (seed: number, lane: number): number =>
  Math.imul(seed + 1, 0x27d4eb2f + lane) >>> 0;

/** The right answer, computed without pages. */
export function expectedTokens(
  prompt: readonly number[],
  count: number,
  seed: number,
  lanes: number,
): number[] {
  const last = Array.from({ length: lanes }, (_, lane) => firstValue(seed, lane));
  let sum = 0;
  const add = (token: number): void => {
    for (let lane = 0; lane < lanes; lane++) {
      const value = nextValue(last[lane] ?? 0, token, lane);
      last[lane] = value;
      sum = (sum + value) >>> 0;
    }
  };
  for (const token of prompt) add(token);
  return Array.from({ length: count }, () => {
    const token = sum % VOCAB;
    add(token);
    return token;
  });
}

/** An engine's pages: per layer and head one number for each token. Fresh memory holds anything. */
export class Pages {
  readonly lanes: number;
  readonly heads: number;
  readonly #pageTokens: number;
  readonly #kv: Uint32Array[];

  constructor(geometry: Geometry, pages: number, pageTokens: number) {
    this.heads = geometry.heads;
    this.lanes = geometry.layers * geometry.heads;
    this.#pageTokens = pageTokens;
    this.#kv = Array.from({ length: this.lanes }, (_, lane) =>
      new Uint32Array(pages * pageTokens).fill(0xdead0000 + lane),
    );
  }

  at(pages: Uint32Array, token: number): number {
    return (pages[Math.floor(token / this.#pageTokens)] ?? 0) * this.#pageTokens + (token % this.#pageTokens);
  }

  /** Computes tokens [start, end) in one layer. */
  compute(
    layer: number,
    tokens: Uint32Array,
    start: number,
    end: number,
    pages: Uint32Array,
    seed: number,
  ): void {
    for (let head = 0; head < this.heads; head++) {
      const lane = layer * this.heads + head;
      const kv = this.#kv[lane];
      if (kv === undefined) continue;
      let last = start === 0 ? firstValue(seed, lane) : (kv[this.at(pages, start - 1)] ?? 0);
      for (let t = start; t < end; t++) {
        last = nextValue(last, tokens[t] ?? 0, lane);
        kv[this.at(pages, t)] = last;
      }
    }
  }

  sample(end: number, pages: Uint32Array): number {
    let sum = 0;
    for (let t = 0; t < end; t++) {
      const at = this.at(pages, t);
      for (const kv of this.#kv) sum = (sum + (kv[at] ?? 0)) >>> 0;
    }
    return sum % VOCAB;
  }

  /** The stripes of one layer: `tokens` of them from the first token of `pages`. */
  read(layer: number, pages: Uint32Array, tokens: number): string[] {
    return Array.from({ length: this.heads }, (_, head) => {
      const kv = this.#kv[layer * this.heads + head];
      const values: string[] = [];
      for (let t = 0; t < tokens; t++) values.push((kv?.[this.at(pages, t)] ?? 0).toString(36));
      return values.join(',');
    });
  }

  /** Writes exactly `tokens` of a stripe; null: anything, as a scatter that failed leaves it. */
  write(layer: number, head: number, pages: Uint32Array, tokens: number, stripe: string | null): void {
    const kv = this.#kv[layer * this.heads + head];
    const values = stripe?.split(',') ?? [];
    if (kv === undefined) return;
    for (let t = 0; t < tokens; t++) {
      const value = stripe === null ? 0xbad : parseInt(values[t] ?? '', 36);
      kv[this.at(pages, t)] = Number.isNaN(value) ? 0xbadbad : value;
    }
  }
}

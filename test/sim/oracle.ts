// What every chunk must hold, computed without arenas: by key the right bytes of each stripe (invariant 1). One key has one meaning,
// whatever the tenant and the prompt (invariant 9).
import { chunkTokenCounts } from '#core/geometry.ts';
import { hex, keyAt } from '#core/ids.ts';
import { chunkKeys, rootOf } from '#core/keys.ts';
import { expectedTokens, firstValue, nextValue } from './kv.ts';
import { CHUNK_TOKENS, type Ask } from './workload.ts';

interface Parts {
  /** By tenant. */
  secrets: readonly Uint8Array[];
  namespace: Uint8Array;
  lanes: number;
  violation: (text: string) => void;
}

export class Oracle {
  readonly #parts: Parts;
  readonly #roots: Uint8Array[];
  readonly #chunks = new Map<string, readonly string[]>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#roots = parts.secrets.map((secret) => rootOf(secret, parts.namespace, ''));
  }

  /** Names that this request may give: its prompt's chunks, and full ones of prompt and answer. */
  add({ id, prompt, maxTokens, tenant }: Ask): void {
    const all = [...prompt, ...expectedTokens(prompt, maxTokens, tenant, this.#parts.lanes)];
    this.#name(id, prompt, tenant);
    this.#name(id, all.slice(0, all.length - (all.length % CHUNK_TOKENS)), tenant);
  }

  /** The stripes that the chunk of this key must hold; null: no request named it. */
  right(key: string): readonly string[] | null {
    return this.#chunks.get(key) ?? null;
  }

  #name(id: string, tokens: readonly number[], tenant: number): void {
    const { lanes, violation } = this.#parts;
    const keys = chunkKeys(this.#roots[tenant] ?? NOTHING, Uint32Array.from(tokens), CHUNK_TOKENS);
    const last = Array.from({ length: lanes }, (_, lane) => firstValue(tenant, lane));
    let at = 0;
    chunkTokenCounts(tokens.length, CHUNK_TOKENS).forEach((count, i) => {
      const of = tokens.slice(at, (at += count));
      const stripes = last.map((value, lane) => {
        const row = of.map((token) => (value = nextValue(value, token, lane)));
        last[lane] = value;
        return row.map((one) => one.toString(36)).join(',');
      });
      const key = hex(keyAt(keys, i));
      const known = this.#chunks.get(key) ?? stripes;
      this.#chunks.set(key, known);
      if (known.some((stripe, lane) => stripe !== stripes[lane]))
        violation(`${id}: chunk ${i} has the name of another one (invariant 9)`);
    });
  }
}

const NOTHING = new Uint8Array(0);

// Check mode: the digest of every stripe of a prompt as it stands in this engine's own pages, by request, for tests.
import { hex } from '#core/ids.ts';
import { ENGINE_LIMITS } from './limits.ts';
import type { NativeEngine } from './native.ts';
import type { Sequence } from './sequence.ts';

export interface ChunkDigests {
  chunk: number;
  tokens: number;
  key: string;
  /** One per stripe, layer-major, hex. */
  digests: string[];
  /** Scattered from the arena (digested then), else computed here. */
  loaded: boolean;
}

const DIGEST_BYTES = 16;

export class DigestRecords {
  readonly #engine: Pick<NativeEngine, 'digestPages'>;
  readonly #pageTokens: number;
  readonly #records = new Map<string, ChunkDigests[]>();

  constructor(engine: Pick<NativeEngine, 'digestPages'>, pageTokens: number) {
    this.#engine = engine;
    this.#pageTokens = pageTokens;
  }

  /** The prompt of `sequence` has just been computed to its end and nothing has overwritten its pages. */
  record(sequence: Sequence): void {
    const { names, requestId } = sequence.prompt;
    if (names === null) return;
    const chunks = Array.from(names.counts, (tokens, chunk): ChunkDigests => {
      const loaded = names.loadedDigests.get(chunk);
      const first = (chunk * names.chunkTokens) / this.#pageTokens;
      const pages = sequence.pages.slice(first, first + Math.ceil(tokens / this.#pageTokens));
      const key = names.key(chunk);
      const bytes =
        loaded ?? this.#engine.digestPages(key, names.chunkTokens, tokens, Uint32Array.from(pages), 0);
      return { chunk, tokens, key: hex(key), digests: split(bytes), loaded: loaded !== undefined };
    });
    this.#records.delete(requestId);
    this.#records.set(requestId, chunks);
    for (const oldest of this.#records.keys()) {
      if (this.#records.size <= ENGINE_LIMITS.digestRequestsKept) break;
      this.#records.delete(oldest);
    }
  }

  of(requestId: string): ChunkDigests[] | null {
    return this.#records.get(requestId) ?? null;
  }
}

function split(bytes: Uint8Array): string[] {
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, i) =>
    hex(bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES)),
  );
}

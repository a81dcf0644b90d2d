// One prompt of a request, shared by its choices: tokens, names of its chunks and what has become of them.
import { chunkTokenCounts } from '#core/geometry.ts';
import { keyAt } from '#core/ids.ts';
import { chunkKeys } from '#core/keys.ts';

/** What `kv_transfer_params.baton` says. */
export interface Naming {
  root: Uint8Array;
  ticket: Uint8Array | null;
  role: 'prefill' | 'decode' | null;
}

/**
 * A ticket at this engine: `waiting` (to be accepted, or to land), `live` (prefill: chunks are gathered for it), `landed`
 * (decode: to be claimed), `over` (go on without it).
 */
export type TicketStage = 'none' | 'waiting' | 'live' | 'landed' | 'over';

/** Names of a prompt's chunks, and the marks that survive preemption. A prompt without a root has none. */
export class ChunkNames {
  readonly root: Uint8Array;
  readonly ticket: Uint8Array | null;
  readonly role: 'prefill' | 'decode' | null;
  readonly keys: Uint8Array;
  readonly counts: Uint32Array;
  readonly chunkTokens: number;
  stage: TicketStage;
  /** When a waiting decode leg stops waiting, ms of the engine's clock. */
  readonly deadline: number;
  /** 1 where the ticket's target lacks the chunk. */
  need: Uint8Array;
  /** 1 where the chunk was gathered or needs no gather. */
  readonly done: Uint8Array;
  /** All chunks before this one are done. */
  next = 0;
  /** Chunks from here on failed to load once: never asked for again (negative cache). */
  loadable: number;
  /** Digests of loaded chunks, layers × heads × 16 bytes (check mode). */
  readonly loadedDigests = new Map<number, Uint8Array>();

  constructor(naming: Naming, tokens: Uint32Array, chunkTokens: number, deadline: number) {
    this.root = naming.root;
    this.ticket = naming.ticket;
    this.role = naming.ticket === null ? null : naming.role;
    this.keys = chunkKeys(naming.root, tokens, chunkTokens);
    this.counts = chunkTokenCounts(tokens.length, chunkTokens);
    this.chunkTokens = chunkTokens;
    this.stage = this.role === null ? 'none' : 'waiting';
    this.deadline = deadline;
    this.need = new Uint8Array(this.counts.length);
    this.done = new Uint8Array(this.counts.length);
    this.loadable = this.counts.length;
  }

  key(chunk: number): Uint8Array {
    return keyAt(this.keys, chunk);
  }

  /** Position after the chunk's last token. */
  end(chunk: number): number {
    return chunk * this.chunkTokens + (this.counts[chunk] ?? 0);
  }

  mark(chunk: number): void {
    this.done[chunk] = 1;
    while (this.done[this.next] === 1) this.next++;
  }
}

export interface Prompt {
  readonly requestId: string;
  readonly tokens: Uint32Array;
  /** Keeps the prefix cache's tenants apart; null: never matched (design §4, unnamed). */
  readonly salt: Uint8Array | null;
  readonly names: ChunkNames | null;
  /** Its sequences that have not ended. */
  open: number;
}

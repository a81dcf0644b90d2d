// One sequence of tokens being generated: its prompt, its pages, how far its KV stands in them, and when it ends.
import { chunkKey } from '#core/keys.ts';
import type { Prompt } from './prompt.ts';
import { PageHashes } from './prefix-cache.ts';

export interface Sampling {
  temperature: number; // 0: greedy
  topP: number;
  seed: number;
  maxTokens: number;
  minTokens: number;
  ignoreEos: boolean;
}

export type FinishReason = 'stop' | 'length';

/** Where a sequence's tokens go. */
export interface Sink {
  /** A token; `text`: it is shown, not an end token. True: a stop string stands complete, `mayStop` allowing. */
  token(id: number, text: boolean, mayStop: boolean): boolean;
  finish(reason: FinishReason): void;
  fail(error: unknown): void;
}

export type SequenceState = 'waiting' | 'loading' | 'running' | 'ended';

export class Sequence {
  readonly prompt: Prompt;
  /** Position among the prompt's choices. */
  readonly choice: number;
  readonly sampling: Sampling;
  readonly sink: Sink;
  state: SequenceState = 'waiting';
  aborted = false;
  /** Pages of its tokens, in order. */
  pages: number[] = [];
  /** Tokens whose KV stands in the pages. */
  computed = 0;
  /** Prompt tokens that its first admission found computed: here, and of them those from the arena. */
  cachedTokens = 0;
  externalTokens = 0;
  /** Has been admitted before (it was preempted since, when it waits again). */
  admitted = false;
  /** Its prompt was computed to the end once. */
  prefilled = false;
  /** Pages registered in the prefix cache. */
  registered = 0;
  /** Has claimed its ticket's chunks. */
  claimed = false;
  readonly hashes: PageHashes | null;
  #tokens: Uint32Array;
  #length: number;
  #generatedKey: Uint8Array | null;
  #generatedChunk: number;

  constructor(prompt: Prompt, choice: number, sampling: Sampling, sink: Sink, pageTokens: number) {
    this.prompt = prompt;
    this.choice = choice;
    this.sampling = sampling;
    this.sink = sink;
    this.hashes = prompt.salt === null ? null : new PageHashes(prompt.salt, pageTokens);
    this.#tokens = prompt.tokens;
    this.#length = prompt.tokens.length;
    const full = prompt.names === null ? 0 : Math.floor(this.#length / prompt.names.chunkTokens);
    this.#generatedChunk = full;
    this.#generatedKey =
      prompt.names === null || full === 0 ? (prompt.names?.root ?? null) : prompt.names.key(full - 1);
  }

  get length(): number {
    return this.#length;
  }

  get generated(): number {
    return this.#length - this.prompt.tokens.length;
  }

  /** The first `end` tokens; later tokens never change them. */
  tokens(end: number): Uint32Array {
    return this.#tokens.subarray(0, end);
  }

  /** Appends a sampled token and tells the sink; the reason when it is the last one. */
  append(token: number, isEos: boolean, modelLenMax: number): FinishReason | null {
    if (this.#length === this.#tokens.length) {
      const grown = new Uint32Array(Math.min(Math.max(64, this.#length * 2), modelLenMax + 1));
      grown.set(this.#tokens);
      this.#tokens = grown;
    }
    this.#tokens[this.#length++] = token;
    const { minTokens, maxTokens, ignoreEos } = this.sampling;
    const ends = isEos && !ignoreEos && this.generated > minTokens;
    const stopped = this.sink.token(token, !ends, this.generated > minTokens);
    if (ends || stopped) return 'stop';
    return this.generated >= maxTokens || this.#length >= modelLenMax ? 'length' : null;
  }

  /**
   * Names of the full chunks, ended by `end`, that hold generated tokens: each once, in order. Empty for an unnamed
   * prompt.
   */
  *generatedChunks(end: number): Generator<{ chunk: number; key: Uint8Array }> {
    const names = this.prompt.names;
    if (names === null || this.#generatedKey === null) return;
    const size = names.chunkTokens;
    while ((this.#generatedChunk + 1) * size <= end) {
      const chunk = this.#generatedChunk++;
      const key = chunkKey(this.#generatedKey, this.#tokens.slice(chunk * size, (chunk + 1) * size));
      this.#generatedKey = key;
      yield { chunk, key };
    }
  }
}

// The scheduler half of the connector (design §8): accepts tickets, begins fills, claims and loads. Names and page lists are
// decided here; the native half derives nothing. Every hook is guarded: on error the request goes on without Baton.
import type { Clock } from '#core/clock.ts';
import { BATON, codeName } from './codes.ts';
import { ENGINE_LIMITS } from './limits.ts';
import type { EngineMetrics } from './metrics.ts';
import type { NativeBatonClient, NativeEngine, NativeGather } from './native.ts';
import { ChunkNames, type Naming, type Prompt } from './prompt.ts';
import type { Sequence } from './sequence.ts';

export interface ConnectorOptions {
  engine: Pick<NativeEngine, 'load'>;
  /** The session with the service, when there is one. */
  attachment: { readonly client: NativeBatonClient | null; unanswered(): void };
  chunkTokens: number;
  pageTokens: number;
  /** Keep full chunks of named prompts, and those with generated tokens, for later prompts. */
  keep: boolean;
  keepGenerated: boolean;
  verify: boolean;
  check: boolean;
  clock: Clock;
  metrics: EngineMetrics;
}

/** Chunks of a prompt that the arena is expected to hold: [first, first + count), from the token at `start`. */
export interface Reuse {
  first: number;
  count: number;
  start: number;
  /** Claim them for the ticket. */
  ticket: Uint8Array | null;
}

export class Connector {
  readonly #options: ConnectorOptions;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** The client of the next step and of the fills begun for it. */
  get client(): NativeBatonClient | null {
    return this.#guard('client', null, () => this.#options.attachment.client);
  }

  /** Names of a prompt's chunks, computed once. */
  name(naming: Naming, tokens: Uint32Array): ChunkNames {
    const deadline = this.#options.clock.now() + ENGINE_LIMITS.ticketWaitMs;
    return new ChunkNames(naming, tokens, this.#options.chunkTokens, deadline);
  }

  /** Decode side: false while the prompt's ticket is still on its way. Never waits. */
  ready(prompt: Prompt): boolean {
    const { names } = prompt;
    if (names?.role !== 'decode' || names.stage !== 'waiting') return true;
    names.stage = this.#guard('poll', 'over', () => this.#landed(names));
    return names.stage !== 'waiting';
  }

  /** Prefill side: accepts the prompt's ticket, once, before its first step. */
  accept(prompt: Prompt): void {
    const { names } = prompt;
    if (names?.role !== 'prefill' || names.stage !== 'waiting' || names.ticket === null) return;
    const { ticket } = names;
    names.stage = this.#guard('accept', 'over', () => {
      const answer = this.client?.ticketAccept(ticket, names.keys, prompt.tokens.length);
      if (answer?.status !== BATON.ok) return this.#lost(answer?.status ?? BATON.closed);
      names.need = answer.need;
      this.#options.metrics.add('baton_engine_tickets_accepted_total');
      return 'live';
    });
  }

  /** Chunks beyond the `own` leading tokens that stand in pages already, worth loading from the arena; null: none. */
  held(sequence: Sequence, own: number): Reuse | null {
    const { names } = sequence.prompt;
    const { client } = this;
    if (names === null || client === null) return null;
    return this.#guard('lookup', null, () => {
      const first = Math.floor(own / this.#options.chunkTokens);
      if (first >= names.loadable) return null;
      const ticket = names.stage === 'landed' && !sequence.claimed ? names.ticket : null;
      const count =
        ticket === null
          ? client.lookup(names.keys.subarray(first * 32, names.loadable * 32))
          : names.loadable - first;
      if (count <= 0) return null;
      const end = names.end(first + count - 1);
      // The last token is always computed here; a landed ticket is claimed even when that is all there is.
      const gains = ticket === null ? Math.min(end, sequence.length - 1) > own : end > own;
      return gains ? { first, count, start: first * this.#options.chunkTokens, ticket } : null;
    });
  }

  /**
   * Claims and scatters chunks into the sequence's pages; how many leading tokens stand in them afterwards. Never rejects.
   * The pages must stay the sequence's until then. A claim is released here and nowhere else.
   */
  async load(sequence: Sequence, reuse: Reuse): Promise<number> {
    const { names } = sequence.prompt;
    const { client } = this;
    const { first, count, start, ticket } = reuse;
    if (names === null || client === null) return start;
    let claim = 0n;
    let loaded = 0;
    try {
      sequence.claimed = true;
      const claimed = client.claim(ticket, names.keys.subarray(first * 32, (first + count) * 32));
      this.#answered(claimed.status);
      claim = claimed.claim;
      const { slots } = claimed;
      if (claimed.status !== BATON.ok || slots.length === 0) return start;
      const chunks = slots.map((_, i) => first + i);
      const result = await this.#options.engine.load(client, {
        slots,
        pages: chunks.map((chunk) =>
          this.#pages(sequence, chunk * this.#options.chunkTokens, names.end(chunk)),
        ),
        pageOffsets: new Uint32Array(slots.length),
        tokenCounts: Uint32Array.from(chunks, (chunk) => names.counts[chunk] ?? 0),
        verify: this.#options.verify,
        ticket,
        check: this.#options.check,
      });
      const wrong = result.statuses.findIndex((status) => status !== BATON.ok);
      loaded = wrong < 0 ? slots.length : wrong;
      this.#keepDigests(names, first, loaded, slots.length, result.digests);
      this.#options.metrics.add('baton_engine_loads_total');
      if (wrong >= 0) this.#unloadable(names, first + wrong);
      return loaded === 0 ? start : names.end(first + loaded - 1);
    } catch {
      this.#failed('load');
      this.#unloadable(names, first);
      return start;
    } finally {
      if (claim !== 0n) this.#guard('release', undefined, () => { client.release(claim); }); // prettier-ignore
    }
  }

  /**
   * Chunks that the coming step, which computes the sequence up to `end`, is to gather: each once per prompt, whole, in
   * the first step that reaches its end. Their fills are begun.
   */
  gathers(sequence: Sequence, end: number): NativeGather[] {
    const { names } = sequence.prompt;
    const gathers: NativeGather[] = [];
    if (names === null) return gathers;
    this.#guard('fill', undefined, () => {
      for (let chunk = names.next; chunk < names.counts.length && names.end(chunk) <= end; chunk++) {
        if (names.done[chunk] === 1) continue;
        names.mark(chunk);
        const wanted = names.role === 'prefill' ? this.#wanted(names, chunk) : this.#keepable(names, chunk);
        if (!wanted) continue;
        const ticket = names.role === 'prefill' ? names.ticket : null;
        this.#begin(sequence, ticket, names.key(chunk), chunk, names.end(chunk), gathers);
      }
      for (const { chunk, key } of sequence.generatedChunks(end)) {
        if (!this.#options.keepGenerated || this.client?.lookup(key) !== 0) continue;
        this.#begin(sequence, null, key, chunk, (chunk + 1) * this.#options.chunkTokens, gathers);
      }
    });
    // Fills begun before an error are gathered all the same.
    return gathers;
  }

  /** The step has ended; `status` is 0 or the code that ended the sequence's gathers. */
  gathered(sequence: Sequence, gathers: readonly NativeGather[], status: number): void {
    const { names } = sequence.prompt;
    if (gathers.length === 0 || names === null) return;
    const kind = names.role === 'prefill' ? 'ticket' : 'keep';
    if (status === BATON.ok) {
      this.#options.metrics.add('baton_engine_fills_total', gathers.length, { kind });
      return;
    }
    this.#options.metrics.add('baton_engine_fills_failed_total', gathers.length);
    if (names.stage === 'live') names.stage = this.#lost(status);
  }

  /** The step threw: its fills are given up. */
  abandon(sequence: Sequence, client: NativeBatonClient | null, gathers: readonly NativeGather[]): void {
    for (const { slot } of gathers) this.#guard('fill', undefined, () => { client?.fillAbort(slot); }); // prettier-ignore
    const { names } = sequence.prompt;
    if (gathers.length > 0 && names?.stage === 'live') names.stage = 'over';
  }

  /** All sequences of the prompt have ended. */
  end(prompt: Prompt): void {
    const { names } = prompt;
    if (names?.role !== 'decode' || names.ticket === null) return;
    const { ticket } = names;
    this.#guard('forget', undefined, () => this.client?.ticketForget(ticket));
  }

  #landed(names: ChunkNames): 'waiting' | 'landed' | 'over' {
    const { client } = this;
    if (client === null || names.ticket === null) return this.#lost(BATON.closed);
    const status = client.ticketPoll(names.ticket);
    if (status === BATON.ok) {
      this.#options.metrics.add('baton_engine_tickets_landed_total');
      return 'landed';
    }
    if (status !== BATON.landing) return this.#lost(status);
    return this.#options.clock.now() < names.deadline ? 'waiting' : this.#lost(BATON.landing);
  }

  #wanted(names: ChunkNames, chunk: number): boolean {
    return names.stage === 'live' && names.need[chunk] === 1;
  }

  #keepable(names: ChunkNames, chunk: number): boolean {
    if (!this.#options.keep || names.counts[chunk] !== names.chunkTokens) return false;
    return this.client?.lookup(names.key(chunk)) === 0;
  }

  #begin(
    sequence: Sequence,
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    end: number,
    gathers: NativeGather[],
  ): void {
    const { names } = sequence.prompt;
    const start = chunk * this.#options.chunkTokens;
    const { client } = this;
    const fill = client?.fillBegin(ticket, key, chunk, end - start);
    if (fill?.status === BATON.ok) {
      gathers.push({ slot: fill.slot, pages: this.#pages(sequence, start, end), pageOffset: 0 });
      return;
    }
    const status = fill?.status ?? BATON.closed;
    if (status === BATON.held) return;
    this.#answered(status);
    this.#options.metrics.add('baton_engine_fills_refused_total', 1, { code: codeName(status) });
    if (ticket !== null && names !== null) names.stage = this.#lost(status);
  }

  #pages(sequence: Sequence, start: number, end: number): Uint32Array {
    const { pageTokens } = this.#options;
    return Uint32Array.from(sequence.pages.slice(start / pageTokens, Math.ceil(end / pageTokens)));
  }

  #keepDigests(names: ChunkNames, first: number, loaded: number, slots: number, digests: Uint8Array): void {
    if (!this.#options.check || slots === 0) return;
    const size = digests.length / slots;
    for (let i = 0; i < loaded; i++)
      names.loadedDigests.set(first + i, digests.slice(i * size, (i + 1) * size));
  }

  #unloadable(names: ChunkNames, chunk: number): void {
    names.loadable = Math.min(names.loadable, chunk);
    this.#options.metrics.add('baton_engine_loads_failed_total');
  }

  #lost(status: number): 'over' {
    this.#answered(status);
    this.#options.metrics.add('baton_engine_tickets_lost_total', 1, { code: codeName(status) });
    return 'over';
  }

  #answered(status: number): void {
    if (status === BATON.timeout) this.#options.attachment.unanswered();
  }

  #guard<T>(hook: string, fallback: T, work: () => T): T {
    try {
      return work();
    } catch {
      this.#failed(hook);
      return fallback;
    }
  }

  #failed(hook: string): void {
    this.#options.metrics.add('baton_engine_connector_errors_total', 1, { hook });
  }
}

// The engine's parts put together: model, pages, connector, step loop; requests in, outputs out.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import type { Renderer } from '#core/render.ts';
import type { EngineSettings } from '#core/settings.ts';
import { Attachment } from './attachment.ts';
import { Connector } from './connector.ts';
import type { TokenBytes } from './detokenize.ts';
import { DigestRecords } from './digests.ts';
import { ENGINE_LIMITS } from './limits.ts';
import type { EngineMetrics } from './metrics.ts';
import type { Model } from './model.ts';
import type { NativeEngine } from './native.ts';
import { Output } from './output.ts';
import { PagePool } from './pages.ts';
import { PrefixCache } from './prefix-cache.ts';
import type { Naming, Prompt } from './prompt.ts';
import { Scheduler } from './scheduler.ts';
import { type Sampling, Sequence } from './sequence.ts';
import { SequencePages } from './sequence-pages.ts';

export interface EngineParts {
  settings: EngineSettings;
  model: Model;
  native: NativeEngine;
  renderer: Renderer;
  tokenBytes: TokenBytes;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: EngineMetrics;
}

export interface GenerateRequest {
  requestId: string;
  prompts: Uint32Array[];
  /** Choices per prompt. */
  n: number;
  sampling: Omit<Sampling, 'seed'> & { seed: number | null };
  stops: readonly string[];
  naming: Naming | null;
  cacheSalt: string | null;
}

/** One request being answered. */
export interface Generation {
  output: Output;
  promptTokens: number;
  /** Prompt tokens that were not computed, once all prompts were begun. */
  cachedTokens(): number;
  /** The reader is gone: nothing more is computed. Harmless after the end. */
  cancel(): void;
}

export class Engine {
  readonly parts: EngineParts;
  readonly digests: DigestRecords | null;
  readonly #attachment: Attachment;
  readonly #connector: Connector;
  readonly #pool: PagePool;
  readonly #scheduler: Scheduler;
  #draining = false;
  #closing: Promise<void> | null = null;
  readonly #open = new Set<Prompt>();
  #ended: (() => void) | null = null;

  constructor(parts: EngineParts) {
    this.parts = parts;
    const { settings, model, native, clock, log, metrics } = parts;
    const pageTokens = settings.page_tokens;
    const cache = new PrefixCache();
    this.#pool = new PagePool(settings.pages, cache);
    this.digests = settings.check ? new DigestRecords(native, pageTokens) : null;
    const attach =
      settings.socket === null
        ? null
        : {
            socketPath: settings.socket,
            engine: settings.name,
            namespace: model.namespace,
            chunkTokens: settings.chunk_tokens,
            timeoutMs: ENGINE_LIMITS.attachTimeoutMs,
          };
    this.#attachment = new Attachment({ engine: native, attach, clock, log, metrics });
    this.#connector = new Connector({
      engine: native,
      attachment: this.#attachment,
      chunkTokens: settings.chunk_tokens,
      pageTokens,
      keep: settings.keep,
      keepGenerated: settings.keep_generated,
      verify: settings.verify,
      check: settings.check,
      clock,
      metrics,
    });
    this.#scheduler = new Scheduler({
      engine: native,
      connector: this.#connector,
      pages: new SequencePages(this.#pool, cache, pageTokens),
      pageTokens,
      maxBatchedTokens: settings.max_batched_tokens,
      maxSequences: settings.max_sequences,
      modelLenMax: settings.max_model_len,
      eosTokenIds: model.eosTokenIds,
      prefilled: (sequence) => {
        if (sequence.choice === 0) this.digests?.record(sequence);
      },
      ended: (prompt) => {
        this.#open.delete(prompt);
        if (this.#open.size === 0) this.#ended?.();
      },
      clock,
      metrics,
    });
    metrics.set('baton_engine_kv_pages_total', settings.pages);
    metrics.beforeScrape(() => { this.#measure(); }); // prettier-ignore
    this.#scheduler.start();
  }

  get attached(): boolean {
    return this.#attachment.client !== null;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Sequences by state and pages in use: all zero when nothing runs. */
  get load(): { waiting: number; loading: number; running: number; pagesUsed: number } {
    return { ...this.#scheduler.counts, pagesUsed: this.#pool.used };
  }

  generate(request: GenerateRequest): Generation {
    if (this.#draining) throw new BatonError('shutting_down');
    const { settings, tokenBytes } = this.parts;
    const seed = request.sampling.seed ?? Math.floor(this.parts.random.unit() * 2 ** 32);
    const output = new Output(request.prompts.length * request.n);
    const sequences = request.prompts.flatMap((tokens, p) => {
      const names = request.naming === null ? null : this.#connector.name(request.naming, tokens);
      const salt = saltOf(request);
      const prompt: Prompt = { requestId: request.requestId, tokens, salt, names, open: request.n };
      return Array.from({ length: request.n }, (_, choice) => {
        const index = p * request.n + choice;
        const sampling = { ...request.sampling, seed: (seed + index) % 2 ** 32 };
        const sink = output.choice(index, tokenBytes, request.stops);
        return new Sequence(prompt, choice, sampling, sink, settings.page_tokens);
      });
    });
    this.#scheduler.submit(sequences);
    const firsts = sequences.filter((sequence) => sequence.choice === 0);
    for (const { prompt } of firsts) this.#open.add(prompt);
    return {
      output,
      promptTokens: request.prompts.reduce((sum, tokens) => sum + tokens.length, 0),
      cachedTokens: () => firsts.reduce((sum, sequence) => sum + sequence.cachedTokens, 0),
      cancel: () => {
        output.cancel(new BatonError('client_closed'));
        for (const sequence of sequences) this.#scheduler.abort(sequence);
      },
    };
  }

  /** Refuses new requests and waits for those that run, at most `drain_ms`. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.parts.clock.after(this.parts.settings.drain_ms, resolve);
      this.#ended = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Fails what still runs, ends the session with the service and frees everything. */
  close(): Promise<void> {
    this.#draining = true;
    this.#closing ??= this.#scheduler.close().then(() => {
      this.#attachment.close();
      this.parts.native.close();
    });
    return this.#closing;
  }

  #measure(): void {
    const { metrics } = this.parts;
    const { waiting, loading, running, pagesUsed } = this.load;
    metrics.set('baton_engine_requests_waiting', waiting);
    metrics.set('baton_engine_requests_loading', loading);
    metrics.set('baton_engine_requests_running', running);
    metrics.set('baton_engine_kv_pages_used', pagesUsed);
    this.#attachment.count();
  }
}

/** What keeps prefix caches apart; null for a request that names nothing: it is never matched. */
function saltOf({ naming, cacheSalt }: GenerateRequest): Uint8Array | null {
  if (naming === null && cacheSalt === null) return null;
  const root = naming?.root ?? new Uint8Array(0);
  return Buffer.concat([Uint8Array.of(root.length), root, Buffer.from(cacheSalt ?? '', 'utf8')]);
}

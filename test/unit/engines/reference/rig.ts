// A scheduler and connector over the fake native engine, driven turn by turn.
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '#core/clock.ts';
import { createMetrics } from '#core/metrics.ts';
import { Connector, type ConnectorOptions } from '#engines/reference/connector.ts';
import { DigestRecords } from '#engines/reference/digests.ts';
import { ENGINE_METRICS, type EngineMetrics } from '#engines/reference/metrics.ts';
import { PagePool } from '#engines/reference/pages.ts';
import { PrefixCache } from '#engines/reference/prefix-cache.ts';
import type { Naming, Prompt } from '#engines/reference/prompt.ts';
import { Scheduler, type SchedulerOptions } from '#engines/reference/scheduler.ts';
import { type FinishReason, type Sampling, Sequence } from '#engines/reference/sequence.ts';
import { SequencePages } from '#engines/reference/sequence-pages.ts';
import { FakeNative } from './fake-native.ts';

export const PAGE = 8;
export const CHUNK = 32;
export const ROOT = new Uint8Array(32).fill(7);
export const TICKET = new Uint8Array(16).fill(9);
export const TICKET_HEX = Buffer.from(TICKET).toString('hex');

export interface RigOptions extends Partial<Pick<ConnectorOptions, 'keep' | 'keepGenerated' | 'check'>> {
  pages?: number;
  maxBatchedTokens?: number;
  maxSequences?: number;
  alone?: boolean;
  clock?: Clock;
}

/** One submitted sequence and what its sink heard. */
export interface Run {
  sequence: Sequence;
  tokens: number[];
  finish: FinishReason | null;
  error: unknown;
}

export class Rig {
  readonly native: FakeNative;
  readonly pool: PagePool;
  readonly scheduler: Scheduler;
  readonly metrics: EngineMetrics = createMetrics(ENGINE_METRICS);
  readonly digests: DigestRecords;
  readonly connector: Connector;
  unanswered = 0;

  constructor(options: RigOptions = {}) {
    const pages = options.pages ?? 256;
    const cache = new PrefixCache();
    this.native = new FakeNative(pages, PAGE);
    this.pool = new PagePool(pages, cache);
    this.digests = new DigestRecords(this.native, PAGE);
    const shared: Pick<SchedulerOptions & ConnectorOptions, 'clock' | 'metrics' | 'pageTokens'> & {
      engine: FakeNative;
    } = {
      engine: this.native,
      pageTokens: PAGE,
      clock: options.clock ?? systemClock,
      metrics: this.metrics,
    };
    const client = options.alone === true ? null : this.native;
    this.connector = new Connector({
      ...shared,
      attachment: { client, unanswered: () => this.unanswered++ },
      chunkTokens: CHUNK,
      keep: options.keep ?? true,
      keepGenerated: options.keepGenerated ?? true,
      verify: true,
      check: options.check ?? false,
    });
    this.scheduler = new Scheduler({
      ...shared,
      connector: this.connector,
      pages: new SequencePages(this.pool, cache, PAGE),
      maxBatchedTokens: options.maxBatchedTokens ?? 1024,
      maxSequences: options.maxSequences ?? 16,
      modelLenMax: pages * PAGE,
      eosTokenIds: new Set(),
      prefilled: (sequence) => { this.digests.record(sequence); },
      ended: () => undefined,
    }); // prettier-ignore
  }

  submit(
    tokens: Uint32Array,
    maxTokens: number,
    naming: Partial<Naming> | null = null,
    sampling: Partial<Sampling> = {},
  ): Run {
    const named = naming === null ? null : { root: ROOT, ticket: null, role: null, ...naming };
    const prompt: Prompt = {
      requestId: 'request',
      tokens,
      salt: named?.root ?? null,
      names: named === null ? null : this.connector.name(named, tokens),
      open: 1,
    };
    const run: { tokens: number[]; finish: FinishReason | null; error: unknown } = {
      tokens: [],
      finish: null,
      error: null,
    };
    const sink = {
      token: (id: number) => {
        run.tokens.push(id);
        return false;
      },
      finish: (reason: FinishReason) => { run.finish = reason; },
      fail: (error: unknown) => { run.error = error; },
    }; // prettier-ignore
    const all = { temperature: 0, topP: 1, seed: 1, maxTokens, minTokens: 0, ignoreEos: false, ...sampling };
    const sequence = new Sequence(prompt, 0, all, sink, PAGE);
    this.scheduler.submit([sequence]);
    return Object.assign(run, { sequence });
  }

  /** Turns until `condition` holds; what waits for a load gets its turn of the event loop. */
  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns++) {
      if (turns > 100_000) throw new Error('the condition never held');
      if (!(await this.scheduler.turn())) await setImmediate();
    }
  }

  /** Turns until nothing waits, loads or runs. */
  async settle(): Promise<void> {
    await this.until(() => {
      const { waiting, loading, running } = this.scheduler.counts;
      return waiting + loading + running === 0;
    });
  }

  /** One whole request. */
  async run(...args: Parameters<Rig['submit']>): Promise<Run> {
    const run = this.submit(...args);
    await this.settle();
    return run;
  }
}

/** `count` tokens that differ by `seed`. */
export function prompt(count: number, seed = 0): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (i * 31 + seed * 17 + Math.imul(i, i)) & 0xff);
}

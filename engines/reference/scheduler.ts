// The step loop: admission by free pages, chunked prefill beside batched decode within a token budget, preemption by
// recomputation. One step at a time; loads run beside steps. All decisions are taken between steps, on one thread.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import type { Connector, Reuse } from './connector.ts';
import { ENGINE_LIMITS } from './limits.ts';
import type { EngineMetrics } from './metrics.ts';
import type { NativeBatonClient, NativeEngine, NativeGather } from './native.ts';
import type { Prompt } from './prompt.ts';
import type { Sequence } from './sequence.ts';
import type { SequencePages } from './sequence-pages.ts';

export interface SchedulerOptions {
  engine: Pick<NativeEngine, 'step'>;
  connector: Connector;
  pages: SequencePages;
  pageTokens: number;
  maxBatchedTokens: number;
  maxSequences: number;
  modelLenMax: number;
  eosTokenIds: ReadonlySet<number>;
  /** Called when a sequence's prompt has been computed to its end, before the next step. */
  prefilled: (sequence: Sequence) => void;
  /** Called when the last sequence of a prompt has ended. */
  ended: (prompt: Prompt) => void;
  clock: Clock;
  metrics: EngineMetrics;
}

/** A sequence's share of one step. */
interface Row {
  sequence: Sequence;
  start: number;
  end: number;
  gathers: NativeGather[];
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  #waiting: Sequence[] = [];
  /** In order of admission: the last one is the first to give its pages up. */
  #running: Sequence[] = [];
  readonly #loading = new Set<Sequence>();
  #wake: (() => void) | null = null;
  #awoken = false;
  #loop: Promise<void> | null = null;
  #closed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get counts(): { waiting: number; loading: number; running: number } {
    return { waiting: this.#waiting.length, loading: this.#loading.size, running: this.#running.length };
  }

  /** Queues the sequences of one request; `overloaded` when the queue is full. */
  submit(sequences: readonly Sequence[]): void {
    if (this.#closed) throw new BatonError('shutting_down');
    if (this.#waiting.length + sequences.length > ENGINE_LIMITS.waitingMax) {
      throw new BatonError('overloaded', 'too many requests wait in this engine', { retryAfterSeconds: 1 });
    }
    this.#waiting.push(...sequences);
    this.#awake();
  }

  /** Ends the sequence as soon as nothing native uses its pages; its sink hears no more. */
  abort(sequence: Sequence): void {
    sequence.aborted = true;
    this.#awake();
  }

  /** Runs until `close`. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Fails what is left and waits for steps and loads in flight. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#awake();
    await this.#loop;
    for (const sequence of [...this.#waiting, ...this.#running, ...this.#loading]) {
      if (!sequence.aborted) sequence.sink.fail(new BatonError('shutting_down'));
      sequence.aborted = true;
    }
    this.#sweep();
    while (this.#loading.size > 0) await this.#idle(null);
  }

  /** One turn: admission and, if there is anything to compute, one step. False: nothing to compute now. */
  async turn(): Promise<boolean> {
    this.#sweep();
    this.#admit();
    const rows = this.#plan();
    if (rows.length === 0) return false;
    await this.#step(rows);
    return true;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (await this.turn()) continue;
      // A ticket on its way is asked for by a coarse timer; all else wakes the loop itself.
      const polls = this.#waiting.some(({ prompt }) => prompt.names?.stage === 'waiting');
      await this.#idle(polls ? ENGINE_LIMITS.ticketPollMs : null);
    }
  }

  #awake(): void {
    this.#awoken = true;
    this.#wake?.();
  }

  async #idle(ms: number | null): Promise<void> {
    if (!this.#awoken) {
      await new Promise<void>((resolve) => {
        const timer = ms === null ? null : this.#options.clock.after(ms, resolve);
        this.#wake = () => {
          timer?.cancel();
          resolve();
        };
      });
    }
    this.#awoken = false;
    this.#wake = null;
  }

  #sweep(): void {
    const left = (sequence: Sequence): boolean => !sequence.aborted;
    for (const sequence of [...this.#waiting, ...this.#running]) if (sequence.aborted) this.#end(sequence);
    this.#waiting = this.#waiting.filter(left);
    this.#running = this.#running.filter(left);
  }

  /** Admits waiting sequences in order, passing over those whose ticket is still on its way. */
  #admit(): void {
    const stay: Sequence[] = [];
    let full = false;
    for (const sequence of this.#waiting) {
      const ready = this.#options.connector.ready(sequence.prompt);
      full ||= this.#running.length + this.#loading.size >= this.#options.maxSequences;
      if (full || !ready) stay.push(sequence);
      else if (!this.#place(sequence)) {
        full = true;
        stay.push(sequence);
      }
    }
    this.#waiting = stay;
  }

  /** Gives a sequence pages for all its tokens and starts its load, if any; false when there are not enough. */
  #place(sequence: Sequence): boolean {
    const { connector, pages, pageTokens } = this.#options;
    const own = pages.find(sequence);
    const reuse = connector.held(sequence, own.length * pageTokens);
    // A load writes whole chunks: pages shared with others are not kept beyond its start. One page stays for the growth of
    // each running sequence, else admission would only preempt.
    const keep = reuse?.start ?? own.length * pageTokens;
    if (!pages.place(sequence, own, keep, this.#running.length)) return false;
    if (!sequence.admitted) sequence.cachedTokens = sequence.computed;
    connector.accept(sequence.prompt);
    if (reuse === null) this.#begin(sequence);
    else this.#load(sequence, reuse);
    return true;
  }

  #load(sequence: Sequence, reuse: Reuse): void {
    sequence.state = 'loading';
    this.#loading.add(sequence);
    void this.#options.connector.load(sequence, reuse).then((tokens) => {
      this.#loading.delete(sequence);
      const before = sequence.computed;
      sequence.computed = Math.max(before, Math.min(tokens, sequence.length - 1));
      if (!sequence.admitted) {
        sequence.cachedTokens = sequence.computed;
        sequence.externalTokens = sequence.computed - before;
      }
      this.#options.pages.register(sequence);
      if (sequence.aborted) this.#end(sequence);
      else this.#begin(sequence);
      this.#awake();
    });
  }

  #begin(sequence: Sequence): void {
    const { metrics } = this.#options;
    if (!sequence.admitted) {
      metrics.add('baton_engine_prefix_hit_tokens_total', sequence.cachedTokens - sequence.externalTokens);
      metrics.add('baton_engine_external_hit_tokens_total', sequence.externalTokens);
    }
    sequence.admitted = true;
    sequence.state = 'running';
    this.#running.push(sequence);
  }

  /** Rows of the next step: sequences with one token left to compute first, then prompts cut to the budget. */
  #plan(): Row[] {
    const rows: Row[] = [];
    let budget = this.#options.maxBatchedTokens;
    const add = (sequence: Sequence, tokens: number): void => {
      const end = sequence.computed + tokens;
      rows.push({ sequence, start: sequence.computed, end, gathers: [] });
      budget -= tokens;
    };
    const left = (sequence: Sequence): number => sequence.length - sequence.computed;
    for (const sequence of [...this.#running]) {
      if (sequence.state === 'running' && left(sequence) === 1 && this.#grow(sequence)) add(sequence, 1);
    }
    for (const sequence of this.#running) {
      if (budget > 0 && left(sequence) > 1) add(sequence, Math.min(budget, left(sequence)));
    }
    return rows;
  }

  /** A page for the sequence's next token, taken from the sequence admitted last if need be; false: from itself. */
  #grow(sequence: Sequence): boolean {
    while (!this.#options.pages.extend(sequence)) {
      const victim = this.#running.at(-1) ?? sequence;
      this.#preempt(victim);
      if (victim === sequence) return false;
    }
    return true;
  }

  #preempt(sequence: Sequence): void {
    this.#running = this.#running.filter((other) => other !== sequence);
    this.#options.pages.release(sequence);
    // What was loaded may be computed the next time: its digests no longer say what stands in the pages.
    if (!sequence.prefilled) sequence.prompt.names?.loadedDigests.clear();
    sequence.state = 'waiting';
    this.#waiting.unshift(sequence);
    this.#options.metrics.add('baton_engine_preemptions_total');
  }

  async #step(rows: readonly Row[]): Promise<void> {
    const { connector, engine, metrics } = this.#options;
    const { client } = connector;
    for (const row of rows) row.gathers = connector.gathers(row.sequence, row.end);
    let result;
    try {
      result = await engine.step(client, rows.map(toNative));
    } catch (error) {
      this.#broken(rows, client, error);
      return;
    }
    metrics.add('baton_engine_steps_total');
    for (const [i, row] of rows.entries()) {
      connector.gathered(row.sequence, row.gathers, result.gatherStatus[i] ?? 0);
      try {
        this.#computed(row, result.tokens[i] ?? -1);
      } catch (error) {
        this.#fail(row.sequence, error);
      }
    }
    this.#running = this.#running.filter((sequence) => sequence.state === 'running');
  }

  #computed({ sequence, end }: Row, token: number): void {
    const { metrics, modelLenMax, eosTokenIds } = this.#options;
    sequence.computed = end;
    this.#options.pages.register(sequence);
    if (!sequence.prefilled && end >= sequence.prompt.tokens.length) {
      sequence.prefilled = true;
      metrics.add('baton_engine_prompt_tokens_total', sequence.prompt.tokens.length);
      this.#options.prefilled(sequence);
    }
    if (sequence.aborted) {
      this.#end(sequence);
    } else if (end === sequence.length) {
      metrics.add('baton_engine_generated_tokens_total');
      const reason = sequence.append(token, eosTokenIds.has(token), modelLenMax);
      if (reason === null) return;
      this.#end(sequence);
      sequence.sink.finish(reason);
    }
  }

  /** The step threw: its sequences fail, the others go on. */
  #broken(rows: readonly Row[], client: NativeBatonClient | null, error: unknown): void {
    for (const { sequence, gathers } of rows) {
      this.#options.connector.abandon(sequence, client, gathers);
      this.#fail(sequence, error);
    }
    this.#running = this.#running.filter((sequence) => sequence.state === 'running');
  }

  #fail(sequence: Sequence, error: unknown): void {
    this.#end(sequence);
    if (!sequence.aborted) sequence.sink.fail(error);
  }

  #end(sequence: Sequence): void {
    if (sequence.state === 'ended') return;
    sequence.state = 'ended';
    this.#options.pages.release(sequence);
    if (--sequence.prompt.open > 0) return;
    this.#options.connector.end(sequence.prompt);
    this.#options.ended(sequence.prompt);
  }
}

function toNative({ sequence, start, end, gathers }: Row): Parameters<NativeEngine['step']>[1][number] {
  const { temperature, topP, seed } = sequence.sampling;
  const sample = end === sequence.length;
  return { tokens: sequence.tokens(end), start, end, pages: Uint32Array.from(sequence.pages), sample, temperature, topP, seed, gathers }; // prettier-ignore
}

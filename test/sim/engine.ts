// One engine of the simulation: the shipped scheduler, pages and connector over the model of their native part, and a small OpenAI
// front. A killed one comes back at the same address with empty pages.
import { BatonError, errorBody } from '#core/errors.ts';
import { silentLogger } from '#core/log.ts';
import { createMetrics } from '#core/metrics.ts';
import type { EngineSettings } from '#core/settings.ts';
import { Engine } from '#engines/reference/engine.ts';
import { ENGINE_METRICS } from '#engines/reference/metrics.ts';
import type { Model } from '#engines/reference/model.ts';
import type { NativeAttach } from '#engines/reference/native.ts';
import type { Attached } from './bus/contract.ts';
import { Pages, VOCAB } from './kv.ts';
import type { Exchange, Listener } from './legs.ts';
import { ModelNative } from './native-engine.ts';
import type { Process } from './process.ts';
import type { Chance } from './random.ts';

export interface EngineParts {
  name: string;
  settings: EngineSettings;
  model: Model;
  chance: Chance;
  /** A new process on this engine's node. */
  spawn(): Process;
  attach(options: NativeAttach, process: Process): Attached;
  service(): Process | null;
  /** Told of every leg that arrives: who asks, with which root. */
  arrived(engine: string, body: LegBody, requestId: string): void;
}

/** How an answer goes wrong. */
export const MISBEHAVIOURS = [
  'status 500', 'refuses', 'error event', 'error first', 'ends early', 'not OpenAI',
] as const; // prettier-ignore
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

export interface LegBody {
  prompt: number[];
  max_tokens: number;
  stream: boolean;
  seed: number;
  cache_salt: string;
  kv_transfer_params?: {
    baton?: { root: string; ticket?: string | null; role?: 'prefill' | 'decode' | null };
  } | null;
}

const ERROR_EVENT = 'data: {"error":{"message":"planned","code":500}}\n\n';
const TEXTS = Array.from({ length: VOCAB }, (_, id) => Buffer.from(` ${id}`));

export class EngineNode implements Listener {
  readonly parts: EngineParts;
  process: Process;
  engine: Engine;
  slow = 1;
  /** How the next answers go wrong. */
  #misbehaves: Misbehaviour[] = [];
  /** All go wrong. */
  fails = false;
  /** Says at its health path that it is not well. */
  sick = false;
  /** Sessions of the living process, to be ended with it. */
  #sessions: { end(): void }[] = [];

  constructor(parts: EngineParts) {
    this.parts = parts;
    [this.process, this.engine] = this.#start();
  }

  get name(): string {
    return this.parts.name;
  }

  restart(): void {
    if (this.process.alive) return;
    [this.process, this.engine] = this.#start();
  }

  kill(): void {
    this.process.kill();
    for (const session of this.#sessions.splice(0)) session.end();
  }

  misbehave(how: readonly Misbehaviour[]): void {
    this.#misbehaves = [...how];
  }

  #mischief(streams: boolean): Misbehaviour | null {
    if (this.fails) return 'status 500';
    // What goes wrong within a stream waits for one.
    const next = this.#misbehaves[0] ?? null;
    if (!streams && next !== 'status 500' && next !== 'refuses') return null;
    this.#misbehaves.shift();
    return next;
  }

  health(): number {
    return this.sick ? 503 : 200;
  }

  #start(): [Process, Engine] {
    const { settings, model, chance } = this.parts;
    const process = this.parts.spawn();
    const { clock } = process;
    const native = new ModelNative({
      process,
      geometry: model.geometry,
      pages: new Pages(model.geometry, settings.pages, settings.page_tokens),
      chance,
      attach: (options) => {
        const attached = this.parts.attach(options, process);
        if (attached.ok) this.#sessions.push(attached.session);
        return attached;
      },
      service: () => this.parts.service(),
      slow: () => this.slow,
    });
    const renderer = {
      prompt: () => Promise.reject(new Error('prompts are ids here')),
      chat: () => Promise.reject(new Error('prompts are ids here')),
      decode: () => Promise.resolve(''),
    };
    const engine = new Engine({
      settings, model, native, renderer, tokenBytes: TEXTS, clock, random: chance, log: silentLogger,
      metrics: createMetrics(ENGINE_METRICS),
    }); // prettier-ignore
    return [process, engine];
  }

  handle(exchange: Exchange): void {
    void this.#answer(exchange).catch((thrown: unknown) => {
      const error = BatonError.from(thrown);
      if (error.code === 'internal') throw thrown;
      exchange.head(error.entry.status, 'application/json');
      void exchange.write(errorBody(error)).then(() => { exchange.end(); }); // prettier-ignore
    });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const body = JSON.parse(exchange.body) as LegBody;
    const requestId = exchange.headers['x-request-id'] ?? '';
    this.parts.arrived(this.name, body, requestId);
    const mischief = this.#mischief(body.stream);
    if (mischief === 'status 500' || mischief === 'refuses') {
      exchange.head(mischief === 'refuses' ? 400 : 500, 'application/json');
      await exchange.write('{"error":{"message":"model","type":"invalid_request_error","code":"planned"}}');
      exchange.end();
      return;
    }
    const baton = body.kv_transfer_params?.baton ?? null;
    const naming = baton === null ? null : {
      root: Buffer.from(baton.root, 'hex'),
      ticket: baton.ticket == null ? null : Buffer.from(baton.ticket, 'hex'),
      role: baton.role ?? null,
    }; // prettier-ignore
    const sampling = { temperature: 0, topP: 1, seed: body.seed, minTokens: 0, ignoreEos: true };
    const generation = this.engine.generate({
      requestId, prompts: [Uint32Array.from(body.prompt)], n: 1, stops: [], naming, cacheSalt: body.cache_salt,
      sampling: { ...sampling, maxTokens: body.max_tokens },
    }); // prettier-ignore
    exchange.onClose(() => { generation.cancel(); }); // prettier-ignore
    try {
      if (body.stream) await stream(exchange, generation.output, mischief);
      else await whole(exchange, generation.output);
    } catch (error) {
      // Its reader is gone.
      if (BatonError.from(error).code !== 'client_closed') throw error;
    } finally {
      generation.cancel();
    }
  }
}

type Output = ReturnType<Engine['generate']>['output'];

async function whole(exchange: Exchange, output: Output): Promise<void> {
  let text = '';
  for (let deltas = await output.next(); deltas !== null; deltas = await output.next())
    for (const delta of deltas) text += delta.text;
  exchange.head(200, 'application/json');
  await exchange.write(JSON.stringify({ object: 'text_completion', choices: [{ index: 0, text, finish_reason: 'length' }] })); // prettier-ignore
  exchange.end();
}

async function stream(exchange: Exchange, output: Output, mischief: Misbehaviour | null): Promise<void> {
  let begun = false;
  for (let deltas = await output.next(); deltas !== null; deltas = await output.next()) {
    if (!begun) exchange.head(200, 'text/event-stream');
    if (mischief === 'error first') await exchange.write(ERROR_EVENT);
    if (mischief === 'not OpenAI' || mischief === 'error first') {
      exchange.end();
      return;
    }
    begun = true;
    for (const { text, finish } of deltas)
      await exchange.write(
        `data: ${JSON.stringify({ choices: [{ index: 0, text, finish_reason: finish }] })}\n\n`,
      );
    if (mischief === 'error event') await exchange.write(ERROR_EVENT);
    if (mischief === 'error event' || mischief === 'ends early') {
      exchange.end();
      return;
    }
  }
  if (!begun) exchange.head(200, 'text/event-stream');
  await exchange.write('data: [DONE]\n\n');
  exchange.end();
}

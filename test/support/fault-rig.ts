// One deployment that a file's tests put under fire, one after the other: after each of them nothing of it may be left, and
// whoever died is started again.
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Cluster, EngineSpec } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { deploy, promptOf, rightAnswer, TENANT, transferMetric, type DeployOptions } from './deployment.ts';
import { stageOf, untilJourney, type Journey } from './journey.ts';
import { metricAt } from './metrics.ts';
import type { Proxies } from './proxies.ts';
import { outcomeOf, type Outcome, type Question } from './outcome.ts';
import { until } from './ready.ts';
import { Baseline } from './resources.ts';

/** A chunk takes such an engine about 200 ms, so that a request can be met half-way. */
export const SLOW = { max_batched_tokens: 256, compute_us_per_layer: 50_000 };
/** A token takes this one about 80 ms, a prompt no longer than that. */
export const SLOW_TOKENS = { compute_us_per_layer: 20_000 };

export const engine = (
  name: string,
  role: EngineSpec['role'],
  node: string | null,
  settings: Record<string, unknown> = {},
): EngineSpec => ({ name, role, node, settings });

/** Gives the answers that are right; nothing is done to it. */
export const ALONE = engine('alone', 'both', null);

/** A prompt: as many chunks as leave a busy machine a second between two of them landed and the last one computed. */
export const CHUNKS = 6;
export const PROMPT = CHUNKS * 256;

export type There = (journey: Journey) => boolean;
export type MeetOptions = Partial<Question> & { length?: number; answerTokens?: number };
export interface Met {
  outcome: Promise<Outcome>;
  journey: Journey;
}

export interface Prompt {
  tokens: Uint32Array;
  right: number[];
}

export interface RigOptions extends Omit<DeployOptions, 'reach'> {
  /** Stand before engines and services, and are healed after every test. */
  proxies?: Proxies;
  /** After the processes are ready; what it opens ends in `close`. */
  ready?: (cluster: Cluster) => Promise<void>;
  close?: () => void;
}

export class FaultRig {
  readonly #options: RigOptions;
  #cluster: Cluster | null = null;
  #baseline: Baseline | null = null;
  readonly #stopped = new Set<string>();
  #asked = 0;
  /** Process ids that the baseline is of. */
  #known = '';

  constructor(options: RigOptions) {
    this.#options = options;
  }

  get cluster(): Cluster {
    if (this.#cluster === null) throw new Error('the deployment does not run');
    return this.#cluster;
  }

  async start(): Promise<void> {
    const { proxies } = this.#options;
    this.#cluster = await deploy({
      ...this.#options,
      ...(proxies === undefined ? {} : { reach: proxies.reach }),
    });
    await this.#options.ready?.(this.#cluster);
    await this.warm(3);
    this.#baseline = await Baseline.of(this.#cluster);
    this.#known = this.#pids();
  }

  /** First answers, by way of every engine where the router spreads them. */
  async warm(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      expect(await this.ask(await this.prompt(300))).toMatchObject({ kind: 'right' });
    }
  }

  async close(): Promise<void> {
    for (const name of this.#stopped) this.cont(name);
    await this.#cluster?.stop();
    this.#options.close?.();
    this.#options.proxies?.close();
  }

  /** A prompt that nobody has seen, and its right answer. */
  async prompt(length: number, answerTokens = 4): Promise<Prompt> {
    const tokens = promptOf(length, 10_000 + ++this.#asked);
    return { tokens, right: await rightAnswer(this.cluster, tokens, answerTokens) };
  }

  ask(prompt: Prompt, more: Partial<Question> = {}): Promise<Outcome> {
    const id = `fault-${++this.#asked}`;
    return outcomeOf({ url: this.cluster.routerUrl, key: TENANT.key, id, ...prompt, ...more });
  }

  /** Asks, and returns when the request has got as far as `there`. */
  async meet(
    id: string,
    there: There,
    { length = PROMPT, answerTokens = 4, ...more }: MeetOptions = {},
  ): Promise<Met> {
    const prompt = await this.prompt(length, answerTokens);
    const outcome = this.ask(prompt, { id, ...more });
    outcome.catch(() => undefined); // awaited later
    return { outcome, journey: await untilJourney(this.cluster, id, 'is met', there) };
  }

  journey(id: string, what: string, there: There): Promise<Journey> {
    return untilJourney(this.cluster, id, what, there);
  }

  /** The journey of a request that has ended. */
  ended(id: string): Promise<Journey> {
    return untilJourney(this.cluster, id, 'has ended', ({ code }) => code !== null);
  }

  /** SIGKILL; returns when it is gone. */
  async kill(name: string): Promise<void> {
    const { child } = this.cluster.member(name);
    this.cont(name);
    child.signal('SIGKILL');
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  }

  stop(name: string): void {
    this.#stopped.add(name);
    this.cluster.member(name).child.signal('SIGSTOP');
  }

  cont(name: string): void {
    if (this.#stopped.delete(name)) this.cluster.member(name).child.signal('SIGCONT');
  }

  /** Starts it again at its address. */
  async restart(name: string): Promise<void> {
    await this.cluster.restart(name);
  }

  metric(name: string, metric: string, labels = ''): Promise<number> {
    const { adminUrl, url } = this.cluster.member(name);
    return metricAt(adminUrl ?? url, metric, labels);
  }

  /** What has come over lanes so far. */
  laneBytes(): Promise<number> {
    return transferMetric(this.cluster, 'lane_bytes_in_total');
  }

  async untilMetric(
    name: string,
    metric: string,
    there: (value: number) => boolean,
    ms?: number,
  ): Promise<void> {
    await until(`${metric} of ${name}`, async () => there(await this.metric(name, metric)), ms);
  }

  #pids(): string {
    return this.#names()
      .map((name) => this.cluster.member(name).child.pid)
      .join();
  }

  #names(): string[] {
    const { services, engines, router } = this.cluster;
    return [...services, ...engines, router].flatMap((member) => member?.name ?? []);
  }

  /** Whoever died runs again, every engine is attached, the router sees all of them. */
  async mend(): Promise<void> {
    const { cluster } = this;
    for (const name of [...this.#stopped]) this.cont(name);
    for (const name of this.#names()) if (!cluster.member(name).child.alive) await cluster.restart(name);
    for (const { name, node } of cluster.engines) {
      if (node !== null) await this.untilMetric(name, 'baton_engine_attached', (value) => value === 1);
    }
    await untilReady(cluster.routerUrl);
    const up = cluster.engines.filter(({ node }) => node !== null).length;
    await this.untilMetric('router', 'baton_router_engines_up', (value) => value === up);
    await this.untilMetric(
      'router',
      'baton_router_services_up',
      (value) => value === cluster.services.length,
    );
  }

  /** What every test ends with. */
  async restored(): Promise<void> {
    for (const name of [...this.#stopped]) this.cont(name);
    this.#options.proxies?.heal();
    try {
      await this.#baseline?.restored();
    } finally {
      await this.mend();
      if (this.#pids() !== this.#known) {
        await this.warm(1);
        await this.#baseline?.renew();
        this.#known = this.#pids();
      }
    }
  }
}

/** The rig of a file: runs from before its first test to after its last. */
export function useRig(options: RigOptions): FaultRig {
  const rig = new FaultRig(options);
  beforeAll(() => rig.start());
  afterEach(() => rig.restored());
  afterAll(() => rig.close());
  return rig;
}

/** Where a running request may be met. */
export const reserving: There = (journey) => stageOf(journey) === 'reserve';
export const computing: There = (journey) => stageOf(journey) === 'handoff';
/** So many of its chunks are at the target. */
export const landed = (chunks: number): There => (journey) => (journey.ticket?.chunks_landed ?? 0) >= chunks; // prettier-ignore
export const decoding: There = (journey) => stageOf(journey) === 'decode';
export const answering: There = (journey) => journey.first_token_ms !== null;

/** The engine that the last attempt of a request was placed on; '' where it was placed local. */
export const placed = (journey: Journey, leg: 'prefill' | 'decode'): string =>
  journey.attempts.at(-1)?.[leg] ?? '';

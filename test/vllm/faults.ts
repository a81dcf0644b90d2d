// What the fault tests do to a pair of vLLM engines, and what they await of it.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { askAlone, askVllm, type AskOptions, type Asked } from './ask.ts';
import { pidOf, type Live, type LiveEngine, type LivePair, type PairName } from './live.ts';
import { promptSource } from './prompts.ts';
import { journeyOf, stageOf, untilJourney, type Journey } from '../support/journey.ts';
import { metricAt } from '../support/metrics.ts';
import { until } from '../support/ready.ts';

/** The first ids of a seed's source. */
export const promptOf = (length: number, seed: number): number[] => promptSource(seed).ids(length);

let asked = 0;

export interface Request {
  id: string;
  answer: Promise<Asked>;
}

/** Sends a request to the router; it is awaited later, and looked at meanwhile. */
export function send(
  pair: LivePair,
  body: Readonly<Record<string, unknown>>,
  options: AskOptions = {},
): Request {
  const id = options.id ?? `fault-${process.pid}-${++asked}`;
  const answer = askVllm(pair.routerUrl, body, { ...options, id });
  // Whoever looks at the request first may fail before anyone awaits its answer.
  answer.catch(() => undefined);
  return { id, answer };
}

/** Bound of a test that starts an engine again: 45 s where nothing else runs, minutes on a busy machine. */
export const RESTARTS_MS = 700_000;

/** How the requests of a trusted caller are placed instead of the pair's `disaggregated`. */
export const AUTO = { headers: { 'x-baton-placement': 'auto' } };

export const untilStage = (pair: LivePair, { id }: Request, stage: string): Promise<Journey> =>
  untilJourney(pair, id, `in ${stage}`, (journey) => stageOf(journey) === stage);

export async function journeyAfter(pair: LivePair, { id }: Request): Promise<Journey> {
  return untilJourney(pair, id, 'ended', ({ code }) => code !== null);
}

/** What lets each frozen engine go on. */
const thaws: (() => void)[] = [];

/** Lets every frozen engine go on: at the end of each test, whatever became of it. */
export function thawAll(): void {
  for (const thaw of thaws.splice(0)) thaw();
}

/**
 * Stops the process of an engine that computes; its HTTP server answers on, so the engine counts as healthy.
 * @returns what lets this one go on; thawAll() does too.
 */
export async function freeze(live: Live, name: PairName, engine: LiveEngine): Promise<() => void> {
  const pid = await pidOf(live, name, engine.name);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const core = children.find((child) => readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('VLLM::Engine')); // prettier-ignore
  if (core === undefined) throw new Error(`${engine.name} has no engine core among ${children.join()}`);
  process.kill(core, 'SIGSTOP');
  const thaw = (): void => {
    try {
      process.kill(core, 'SIGCONT');
    } catch {
      // Killed meanwhile.
    }
  };
  thaws.push(thaw);
  return thaw;
}

/** SIGKILL to all of an engine, or to a service. */
export async function kill(live: Live, name: PairName, member: string): Promise<void> {
  const pid = await pidOf(live, name, member);
  const whole = member === 'a' || member === 'b' ? pid : -pid;
  process.kill(whole, 'SIGKILL');
}

const GAUGES = ['vllm:num_requests_running', 'vllm:num_requests_waiting', 'vllm:kv_cache_usage_perc'];

/** Waits until engines run nothing and hold no block for anyone. @returns the time it took, ms. */
export async function untilIdle(engines: readonly LiveEngine[], ms = 15_000): Promise<number> {
  const began = performance.now();
  for (const { name, url } of engines) {
    for (const gauge of GAUGES)
      await until(`${gauge} of ${name} is 0`, async () => (await metricAt(url, gauge)) === 0, ms);
  }
  return Math.round(performance.now() - began);
}

/** Waits until the router counts the pair's engine of a role as down: it looks once a second, and believes it the second time. */
export const untilDown = (pair: LivePair, role: 'prefill' | 'decode'): Promise<void> =>
  until(
    `the ${role} engine is down`,
    async () => (await metricAt(pair.adminUrl, 'baton_router_engines_up', `role="${role}"`)) === 0,
  );

/** Waits until the pair hands over again: an engine or a service was started again, and all have found each other. */
export async function untilHandsOver(pair: LivePair, seed: number): Promise<void> {
  await until(
    'the pair hands over',
    async () => {
      const request = send(pair, { prompt: promptOf(40, seed), max_tokens: 1 });
      if ((await request.answer).status !== 200) return false;
      const { attempts } = await journeyAfter(pair, request);
      return attempts.length === 1 && attempts[0]?.kind === 'disaggregated';
    },
    60_000,
  );
}

/** Requests of which one has landed in part when the prefill engine is frozen. */
export interface HalfLanded {
  /** That one is the last. */
  requests: Request[];
  prompts: number[][];
}

/** Sends long prompts until one is caught with some of its chunks landed and others not even computed. */
export async function catchHalfLanded(
  live: Live,
  name: PairName,
  pair: LivePair,
  seed: number,
  signal?: AbortSignal,
): Promise<HalfLanded> {
  const caught: HalfLanded = { requests: [], prompts: [] };
  for (let i = 0; i < 5; i++) {
    const prompt = promptOf(4000, seed + i);
    const request = send(pair, { prompt }, signal === undefined ? {} : { signal });
    caught.prompts.push(prompt);
    caught.requests.push(request);
    await untilJourney(pair, request.id, 'a chunk has landed', (j) => (j.ticket?.chunks_landed ?? 0) > 0);
    const thaw = await freeze(live, name, pair.prefill);
    const ticket = (await journeyOf(pair, request.id))?.ticket;
    if (ticket != null && ticket.chunks_landed < ticket.chunks_needed) return caught;
    thaw();
  }
  throw new Error('each prompt had landed before the prefill engine could be stopped');
}

/** Each request's answer is that of the decode engine alone. */
export async function expectRight(
  pair: LivePair,
  requests: readonly Request[],
  prompts: readonly (readonly number[])[],
): Promise<void> {
  for (const [i, { answer }] of requests.entries()) {
    const { status, error, tokenIds } = await answer;
    expect([status, error]).toEqual([200, '']);
    expect(tokenIds).toEqual((await askAlone(pair.decode.url, { prompt: prompts[i] })).tokenIds);
  }
}

/** How each attempt of a request was placed. */
export async function expectKinds(
  pair: LivePair,
  request: Request | undefined,
  kinds: string[],
): Promise<void> {
  if (request === undefined) throw new Error('no request');
  expect((await journeyAfter(pair, request)).attempts.map(({ kind }) => kind)).toEqual(kinds);
}

/** Status and code of a refusal. */
export const codeOf = ({ status, error }: Asked): [number, string] => [
  status,
  (JSON.parse(error) as { error: { code: string } }).error.code,
];

/** With part of the pair dead: the pair's own mode finds no placement; a caller that leaves it to the router is served. */
export async function expectServedInAuto(pair: LivePair, seed: number): Promise<void> {
  const prompt = promptOf(600, seed);
  expect(codeOf(await send(pair, { prompt }).answer)).toEqual([503, 'no_worker']);
  const request = send(pair, { prompt }, AUTO);
  await expectRight(pair, [request], [prompt]);
  await expectKinds(pair, request, ['local']);
}

// The shipped router before engines that are queues, in virtual time: what it admits, refuses and serves at a given rate of requests.
import { silentLogger } from '#core/log.ts';
import { parseSettings } from '#core/schema.ts';
import { seededRandom } from '#core/random.ts';
import { settings } from '#core/settings.ts';
import type { Clock } from '#core/clock.ts';
import type {
  Downstream,
  EdgeRequest,
  Leg,
  LegHandler,
  LegRequest,
  Upstream,
} from '#router/edge/contract.ts';
import { startWorld } from '#router/main.ts';
import { publicHandler } from '#router/server.ts';
import { run, Timeline } from '#test/sim/clock.ts';
import { fakeServices } from '#test/support/fake-service.ts';

export interface Deployment {
  prefills: number;
  decodes: number;
  /** Of a prompt, where it is computed. */
  promptMsPerToken: number;
  /** Between two tokens of an answer. */
  stepMs: number;
  /** At a time, on each decode engine; and its KV room. */
  sequences: number;
  kvTokens: number;
  /** What every leg and landing takes besides. */
  overheadMs: number;
  placement: Record<string, unknown>;
}

export interface Outcome {
  sentAt: number;
  status: number;
  firstAt: number | null;
  endAt: number | null;
}

interface Body {
  prompt: number[];
  max_tokens: number;
  stream?: boolean;
  kv_transfer_params?: { baton: { ticket?: string; role?: string } };
}

const TOKEN = 'data: {"choices":[{"index":0,"text":"a"}]}\n\n';
const DONE = 'data: [DONE]\n\n';

/** One engine: prompts one after the other, answers side by side as far as it has room. */
class ModelEngine {
  private readonly world: ModelWorld;
  private readonly prompts: Work[] = [];
  private waiting: Sequence[] = [];
  private readonly running = new Set<Sequence>();

  constructor(world: ModelWorld) {
    this.world = world;
  }

  take(request: LegRequest, handler: LegHandler): Leg {
    const body = JSON.parse(request.body) as Body;
    const baton = body.kv_transfer_params?.baton;
    const tokens = body.prompt.length;
    if (baton?.role === 'prefill') {
      const work: Work = { tokens, done: () => {
        this.world.landed(String(baton.ticket));
        handler.head(200, { 'content-type': 'application/json' });
        handler.data(Buffer.from('{"choices":[{"text":"a"}]}'));
        handler.end();
      } }; // prettier-ignore
      this.compute(work);
      return leg(() => { work.done = () => undefined; }); // prettier-ignore
    }
    const sequence: Sequence = { tokens: tokens + body.max_tokens, left: body.max_tokens, computed: baton?.role === 'decode', handler }; // prettier-ignore
    this.waiting.push(sequence);
    this.world.timeline.after(this.world.deployment.overheadMs, () => { this.admit(); }); // prettier-ignore
    return leg(() => { this.end(sequence); }); // prettier-ignore
  }

  private compute(work: Work): void {
    this.prompts.push(work);
    if (this.prompts.length === 1) this.world.timeline.after(this.world.deployment.overheadMs, () => { this.next(); }); // prettier-ignore
  }

  private next(): void {
    const [work] = this.prompts;
    if (work === undefined) return;
    const ms = work.tokens * this.world.deployment.promptMsPerToken * this.world.slower;
    this.world.timeline.after(ms, () => {
      this.prompts.shift();
      work.done();
      this.next();
    });
  }

  private admit(): void {
    const { sequences, kvTokens } = this.world.deployment;
    const used = (): number => [...this.running].reduce((sum, { tokens }) => sum + tokens, 0);
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.running.size >= sequences || used() + next.tokens > kvTokens) return;
      this.waiting.shift();
      this.running.add(next);
      const sequence = next;
      const begin = (): void => { this.step(sequence); }; // prettier-ignore
      if (next.computed) begin();
      else this.compute({ tokens: next.tokens - next.left, done: begin });
    }
  }

  private step(sequence: Sequence): void {
    const { timeline, deployment, slower } = this.world;
    timeline.after(deployment.stepMs * slower, () => {
      if (!this.running.has(sequence)) return;
      const { handler } = sequence;
      if (!sequence.begun) handler.head(200, { 'content-type': 'text/event-stream' });
      sequence.begun = true;
      handler.data(Buffer.from(TOKEN));
      if (--sequence.left > 0) {
        this.step(sequence);
        return;
      }
      this.end(sequence);
      handler.data(Buffer.from(DONE));
      handler.end();
    });
  }

  private end(sequence: Sequence): void {
    this.running.delete(sequence);
    this.waiting = this.waiting.filter((other) => other !== sequence);
    this.admit();
  }
}

interface Work {
  tokens: number;
  done: () => void;
}

interface Sequence {
  tokens: number;
  /** Tokens of its answer that are still to come. */
  left: number;
  /** Its prompt has been computed elsewhere. */
  computed: boolean;
  begun?: boolean;
  handler: LegHandler;
}

const leg = (abort: () => void): Leg => ({ abort, pause: () => undefined, resume: () => undefined });

class ModelWorld {
  readonly timeline = new Timeline();
  readonly deployment: Deployment;
  /** How much longer everything takes now. */
  slower = 1;
  landed: (ticket: string) => void = () => undefined;

  constructor(deployment: Deployment) {
    this.deployment = deployment;
  }
}

export interface Load {
  perSecond: number;
  seconds: number;
  prompt: readonly [number, number];
  answer: readonly [number, number];
  /** What is begun from that second on, and before the other, takes so much longer. */
  slower?: { from: number; until?: number; times: number };
}

/** Serves the load, and all that it leaves under way. */
export async function serve(deployment: Deployment, load: Load, seed: number): Promise<Outcome[]> {
  const model = new ModelWorld(deployment);
  const { timeline } = model;
  const random = seededRandom(seed);
  const clock: Clock = { now: () => timeline.now, after: (ms, work) => timeline.after(ms, work) };
  const names = (role: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${role}-${i}`);
  const engines = [...names('prefill', deployment.prefills), ...names('decode', deployment.decodes)].map((name) => ({
    name, url: `http://${name}:1`, node: name, role: name.split('-')[0], model: 'm', kv_tokens: deployment.kvTokens,
    ...(name.startsWith('decode') ? { max_sequences: deployment.sequences } : {}),
  })); // prettier-ignore
  const config = parseSettings(settings, {
    router: {
      engines, services: engines.map(({ node }) => ({ node, address: `${node}:1` })),
      placement: deployment.placement, timeouts: { request_ms: 30_000 },
    },
  }, 'test'); // prettier-ignore
  const services = fakeServices();
  const models = new Map(engines.map(({ name }) => [name, new ModelEngine(model)]));
  const upstream: Upstream = {
    send: (origin, request, handler) => {
      const engine = models.get(new URL(origin).hostname);
      if (engine === undefined) throw new Error(`no engine at ${origin}`);
      return engine.take(request, handler);
    },
    probe: () => Promise.resolve(200),
    read: () => Promise.reject(new Error('tells nothing')),
    close: () => Promise.resolve(),
  };
  const started = startWorld(config, { keys: [], log: silentLogger, clock, random, upstream, makeLink: services.makeLink }); // prettier-ignore
  const { world, close } = await started;
  for (const { node } of engines) services.of(node).connect([node]);
  model.landed = (ticket) => {
    for (const { node } of engines) services.of(node).progress(ticket, 'target', 'landed');
  };
  const handler = publicHandler(world);
  const outcomes: Outcome[] = [];
  const send = (): void => {
    const within = ([least, most]: readonly [number, number]): number => least + Math.floor(random.unit() * (most - least + 1)); // prettier-ignore
    const prompt = [...random.bytes(within(load.prompt))];
    const body = Buffer.from(JSON.stringify({ model: 'm', prompt, max_tokens: within(load.answer), stream: true })); // prettier-ignore
    const outcome: Outcome = { sentAt: timeline.now, status: 0, firstAt: null, endAt: null };
    outcomes.push(outcome);
    handler(asked(body), answered(timeline, outcome));
  };
  let at = 0;
  for (;;) {
    at += (-Math.log(1 - random.unit()) * 1000) / load.perSecond;
    if (at >= load.seconds * 1000) break;
    timeline.at(at, send);
  }
  if (load.slower !== undefined) {
    const { from, until = Infinity, times } = load.slower;
    const pace = (at: number, slower: number): void => { timeline.at(at * 1000, () => { model.slower = slower; }); }; // prettier-ignore
    pace(from, times);
    if (until < Infinity) pace(until, 1);
  }
  const all = load.seconds * 1000;
  await run(
    timeline,
    all + 120_000,
    () => timeline.now > all && outcomes.every(({ endAt }) => endAt !== null),
  );
  await close();
  return outcomes;
}

function asked(body: Buffer): EdgeRequest {
  return {
    method: 'POST',
    path: '/v1/completions',
    headers: { 'content-type': 'application/json' },
    remoteAddress: '127.0.0.1',
    body: (_, take) => {
      take(body.length);
      return Promise.resolve(body);
    },
  };
}

function answered(timeline: Timeline, outcome: Outcome): Downstream {
  return {
    get headersSent() {
      return outcome.status !== 0;
    },
    head(status) {
      outcome.status = status;
    },
    write() {
      outcome.firstAt ??= timeline.now;
      return true;
    },
    onDrain: () => undefined,
    end() {
      outcome.endAt = timeline.now;
    },
    destroy() {
      outcome.endAt = timeline.now;
    },
    onLeave: () => undefined,
  };
}

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

const FIRST = 'data: {"choices":[{"index":0,"text":"a"}]}\n\n';
const DONE = 'data: [DONE]\n\n';

/** One engine: prompts one after the other, answers side by side as far as it has room. */
class ModelEngine {
  private readonly world: ModelWorld;
  private computesUntil = 0;
  private running = 0;
  private usedTokens = 0;
  private waiting: { tokens: number; begin: () => void }[] = [];

  constructor(world: ModelWorld) {
    this.world = world;
  }

  take(request: LegRequest, handler: LegHandler): Leg {
    const body = JSON.parse(request.body) as Body;
    const baton = body.kv_transfer_params?.baton;
    const later = this.world.timeline;
    if (baton?.role === 'prefill') {
      this.compute(body.prompt.length, () => {
        this.world.landed(String(baton.ticket));
        handler.head(200, { 'content-type': 'application/json' });
        handler.data(Buffer.from('{"choices":[{"text":"a"}]}'));
        handler.end();
      });
      return LEG;
    }
    const tokens = body.prompt.length + body.max_tokens;
    const generate = (): void => {
      later.after(this.world.stepMs, () => {
        handler.head(200, { 'content-type': 'text/event-stream' });
        handler.data(Buffer.from(FIRST));
        later.after(this.world.stepMs * (body.max_tokens - 1), () => {
          this.running--;
          this.usedTokens -= tokens;
          this.admit();
          handler.data(Buffer.from(DONE));
          handler.end();
        });
      });
    };
    const begin = baton?.role === 'decode' ? generate : (): void => { this.compute(body.prompt.length, generate); }; // prettier-ignore
    this.waiting.push({ tokens, begin });
    later.after(this.world.deployment.overheadMs, () => { this.admit(); }); // prettier-ignore
    return LEG;
  }

  private compute(tokens: number, done: () => void): void {
    const { timeline, deployment } = this.world;
    const from = Math.max(this.computesUntil, timeline.now + deployment.overheadMs);
    this.computesUntil = from + tokens * deployment.promptMsPerToken * this.world.slower;
    timeline.at(this.computesUntil, done);
  }

  private admit(): void {
    const { sequences, kvTokens } = this.world.deployment;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.running >= sequences || this.usedTokens + next.tokens > kvTokens) return;
      this.waiting.shift();
      this.running++;
      this.usedTokens += next.tokens;
      next.begin();
    }
  }
}

const LEG: Leg = { abort: () => undefined, pause: () => undefined, resume: () => undefined };

class ModelWorld {
  readonly timeline = new Timeline();
  readonly deployment: Deployment;
  /** How much longer everything takes now. */
  slower = 1;
  landed: (ticket: string) => void = () => undefined;

  constructor(deployment: Deployment) {
    this.deployment = deployment;
  }

  get stepMs(): number {
    return this.deployment.stepMs * this.slower;
  }
}

export interface Load {
  perSecond: number;
  seconds: number;
  prompt: readonly [number, number];
  answer: readonly [number, number];
  /** From that second on everything takes so much longer. */
  slower?: { from: number; times: number };
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
    const { from, times } = load.slower;
    timeline.at(from * 1000, () => {
      model.slower = times;
    });
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

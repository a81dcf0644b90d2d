// One request through the shipped journey with nothing real around it: time by hand, engines and client that write down what is done
// to them, transfer services in memory.
import { BatonError } from '#core/errors.ts';
import { silentLogger } from '#core/log.ts';
import { seededRandom } from '#core/random.ts';
import { parseSettings } from '#core/schema.ts';
import { settings } from '#core/settings.ts';
import type { Downstream, EdgeRequest, LegHandler, LegRequest, Upstream } from '#router/edge/contract.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { startWorld } from '#router/main.ts';
import type { RequestContext } from '#router/request.ts';
import { publicHandler } from '#router/server.ts';
import type { World } from '#router/world.ts';
import { fakeServices, type FakeService } from '#test/support/fake-service.ts';
import { ManualClock } from '#test/support/manual-clock.ts';

/** Lets everything run that waits for nothing but its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class TestLeg {
  readonly engine: string;
  readonly request: LegRequest;
  readonly handler: LegHandler;
  ended = false;
  closed = false;
  paused = false;

  constructor(engine: string, request: LegRequest, handler: LegHandler) {
    this.engine = engine;
    this.request = request;
    this.handler = handler;
  }

  answer(body: string, status = 200, type = 'application/json'): void {
    this.handler.head(status, { 'content-type': type });
    this.handler.data(Buffer.from(body));
    this.end();
  }

  end(): void {
    this.ended = true;
    this.handler.end();
  }

  /** Nothing is left to close of an answer that has ended. */
  abort(): void {
    this.closed ||= !this.ended;
  }

  /** The head of a stream and its first event. */
  begin(event = 'data: {"choices":[]}\n\n'): void {
    this.handler.head(200, { 'content-type': 'text/event-stream' });
    this.handler.data(Buffer.from(event));
  }
}

export class TestClient implements EdgeRequest, Downstream {
  readonly method = 'POST';
  readonly path = '/v1/completions';
  readonly headers = { 'content-type': 'application/json' };
  readonly remoteAddress = '127.0.0.1';
  headersSent = false;
  status = 0;
  text = '';
  cut = false;
  finished = false;
  /** It takes nothing: its buffer counts as full. */
  full = false;
  private drain: (() => void) | null = null;
  private leave: (() => void) | null = null;
  private deliver: ((bytes: Buffer) => void) | null = null;
  private readonly given: Buffer | null;

  /** Null: the body does not come until `send`. */
  constructor(body: object | null) {
    this.given = body === null ? null : Buffer.from(JSON.stringify(body));
  }

  body(_bytesMax: number, take: (bytes: number) => void): Promise<Buffer> {
    return new Promise((resolve) => {
      this.deliver = (bytes) => {
        take(bytes.length);
        resolve(bytes);
      };
      if (this.given !== null) this.deliver(this.given);
    });
  }

  send(body: object): void {
    this.deliver?.(Buffer.from(JSON.stringify(body)));
  }

  head(status: number): void {
    this.headersSent = true;
    this.status = status;
  }

  write(chunk: Uint8Array | string): boolean {
    this.text += Buffer.from(chunk as string).toString();
    return !this.full;
  }

  onDrain(work: () => void): void {
    this.drain = work;
  }

  take(): void {
    this.full = false;
    this.drain?.();
  }

  end(chunk: Uint8Array | string = ''): void {
    this.text += Buffer.from(chunk as string).toString();
    this.finished = true;
  }

  destroy(): void {
    this.cut = true;
    this.leave?.();
  }

  onLeave(work: () => void): void {
    this.leave = work;
  }

  go(): void {
    this.leave?.();
  }

  get code(): string {
    const [, text = this.text] = /data: (\{"error".*)\n\n$/s.exec(this.text) ?? [];
    return (JSON.parse(text) as { error: { code: string } }).error.code;
  }
}

export interface Rig {
  world: World;
  clock: ManualClock;
  legs: TestLeg[];
  source: FakeService;
  target: FakeService;
  /** Time goes on by so much, in the steps of the coarse timer. */
  pass(ms: number): Promise<void>;
  /** Sends the request and returns it as the router carries it. */
  ask(client: TestClient): RequestContext;
  close(): Promise<void>;
}

const ENGINES: Record<string, object[]> = {
  baton: [
    { name: 'p', url: 'http://p:1', node: 'a', role: 'prefill', model: 'm' },
    { name: 'd', url: 'http://d:1', node: 'b', role: 'decode', model: 'm' },
  ],
  'vllm-nixl': [
    { name: 'p', url: 'http://p:1', dialect: 'vllm-nixl', role: 'prefill', model: 'm' },
    { name: 'd', url: 'http://d:1', dialect: 'vllm-nixl', role: 'decode', model: 'm' },
  ],
  local: [{ name: 'd', url: 'http://d:1', dialect: 'local', role: 'both', model: 'm' }],
};

/** A router before a prefill and a decode engine of one dialect; local: one engine. */
export async function startRig(dialect: string, router: object = {}): Promise<Rig> {
  const clock = new ManualClock();
  const legs: TestLeg[] = [];
  const upstream: Upstream = {
    send(origin, request, handler) {
      const leg = new TestLeg(new URL(origin).hostname, request, handler);
      legs.push(leg);
      return {
        abort: () => { leg.abort(); },
        pause: () => { leg.paused = true; },
        resume: () => { leg.paused = false; },
      }; // prettier-ignore
    },
    probe: () => Promise.resolve(200),
    read: () => Promise.reject(new BatonError('internal')),
    close: () => Promise.resolve(),
  };
  const services = fakeServices();
  const nodes = ['a', 'b'].map((node) => ({ node, address: 'unused:1' }));
  const mode = dialect === 'local' ? 'auto' : 'disaggregated';
  const config = parseSettings(
    settings,
    { router: { services: nodes, engines: ENGINES[dialect], placement: { mode }, ...router } },
    'test',
  );
  const random = seededRandom(1);
  const options = { keys: [], log: silentLogger, clock, random, makeLink: services.makeLink, upstream };
  const { world, close } = await startWorld(config, options);
  const [source, target] = [services.of('a'), services.of('b')];
  source.connect(['p']);
  target.connect(['d']);
  const handle = publicHandler(world);
  return {
    world, clock, legs, source, target, close,
    async pass(ms) {
      for (let left = ms; left > 0; left -= ROUTER_LIMITS.tickMs) {
        clock.advance(Math.min(left, ROUTER_LIMITS.tickMs));
        await turn();
      }
    },
    ask(client) {
      const asked: RequestContext[] = [];
      const { watch } = world;
      const add = watch.add.bind(watch);
      watch.add = (ctx) => { asked.push(ctx); add(ctx); };
      handle(client, client);
      watch.add = add;
      const [ctx] = asked;
      if (ctx === undefined) throw new Error('no journey began');
      return ctx;
    },
  }; // prettier-ignore
}

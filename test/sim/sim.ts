// One deployment in one process: nodes with services and engines, a router, clients; everything from one seed.
import { arenaFlaws } from './arena-check.ts';
import { Answer, type Outcome } from './client.ts';
import { run, Timeline } from './clock.ts';
import { MemoryExchange } from './edge.ts';
import { EngineNode } from './engine.ts';
import { isEngines } from './faults/plan.ts';
import { routerFlaws } from './invariants.ts';
import { LaneDriver } from './lane-driver.ts';
import { SimLog } from './log.ts';
import { Network } from './network.ts';
import { Oracle } from './oracle.ts';
import { Process } from './process.ts';
import { Chance } from './random.ts';
import { RouterNode } from './router.ts';
import { Seen } from './seen.ts';
import { ServiceNode } from './service.ts';
import { CLIENT_NODE, GEOMETRY, LANES, ROUTER_NODE, setupOf, TENANTS, type Setup } from './setup.ts';
import type { Ask } from './workload.ts';

const KEY = Buffer.alloc(32, 'cluster');
/** All slots of all arenas are looked at after so many events. */
const ARENAS_EVERY = 64;

export class Sim {
  readonly timeline = new Timeline();
  readonly log = new SimLog(this.timeline);
  readonly chance: Chance;
  readonly network: Network;
  readonly lanes: LaneDriver;
  readonly setup: Setup;
  readonly services = new Map<string, ServiceNode>();
  readonly engines = new Map<string, EngineNode>();
  readonly router: RouterNode;
  readonly seen: Seen;
  readonly oracle: Oracle;
  readonly outcomes = new Map<string, Outcome>();
  readonly violations: string[] = [];
  /** Until then something other than engines has gone wrong. */
  #disturbedUntil = -1;
  /** Processes that have been a router. */
  routerLives = 0;
  /** For how long the router did not run, at most. */
  stoppedMs = 0;
  faults = 0;
  /** What happened, counted by kind: faults, ends of requests and tickets. */
  readonly #counts = new Map<string, number>();
  readonly #exchanges = new Map<string, MemoryExchange>();
  /** Asked of clients that nobody has answered yet. */
  readonly asking = new Set<Answer>();
  readonly #living = new Set<number>();
  readonly #client: Process;
  readonly #seed: number;
  #pids = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.chance = new Chance(seed, 'faults');
    this.network = new Network(this.timeline, new Chance(seed, 'network'));
    this.setup = setupOf(new Chance(seed, 'setup'));
    this.lanes = new LaneDriver(this.network, (node) => this.services.get(node)?.process ?? null);
    this.#client = this.#spawn('client', CLIENT_NODE);
    const { nodes, arenaBytes, shareMax, engines, model, config } = this.setup;
    const violation = (text: string): void => { this.violation(text); };
    this.seen = new Seen({
      log: this.log, violation, attemptsMax: config.router.limits.attempts, count: (what) => { this.count(what); },
      answered: (request) => this.#exchanges.get(request)?.headersSent === true,
      now: () => this.timeline.now, disturbedUntil: () => this.#disturbedUntil,
    });
    this.oracle = new Oracle({
      secrets: TENANTS.map(({ secret }) => Buffer.from(secret, 'utf8')), namespace: model.namespace, lanes: LANES, violation,
    });
    for (const node of nodes) this.services.set(node, new ServiceNode({
      node, key: KEY, arenaBytes: arenaBytes[node] ?? 0, shareMax, geometry: GEOMETRY, lanes: this.lanes.network,
      processes: { alive: (pid) => this.#living.has(pid) }, timeline: this.timeline, chance: new Chance(seed, node),
      log: this.log, violation, spawn: () => this.#spawn(`svc ${node}`, node),
    })); // prettier-ignore
    for (const { name, node, settings } of engines) this.engines.set(name, new EngineNode({
      name, settings, model, chance: new Chance(seed, name), spawn: () => this.#spawn(name, node),
      attach: (options, process) => this.#service(node).attach(options, process.pid),
      service: () => this.#service(node).process,
      arrived: (engine, body, id) => { this.seen.arrived(engine, body, id); },
    })); // prettier-ignore
    this.router = new RouterNode({
      config, key: KEY, network: this.network, chance: new Chance(seed, 'router'), log: this.log,
      spawn: () => {
        this.routerLives++;
        return this.#spawn('router', ROUTER_NODE);
      },
      service: (address) => this.#service(address.split(':')[0] ?? ''),
      engine: (origin) => {
        const engine = this.engine(new URL(origin).hostname);
        const { node } = engine.process;
        return { node, listener: () => (engine.process.alive ? engine : null) };
      },
      seen: this.seen, violation,
    });
  } // prettier-ignore

  engine(name: string): EngineNode {
    const found = this.engines.get(name);
    if (found === undefined) throw new Error(`no engine ${name}`);
    return found;
  }

  #service(node: string): ServiceNode {
    const found = this.services.get(node);
    if (found === undefined) throw new Error(`no node ${node}`);
    return found;
  }

  #spawn(name: string, node: string): Process {
    const chance = new Chance(this.#seed, `${name} ${this.#pids}`);
    const fast = chance.chance(0.25);
    if (fast) this.count('fault: clock of another speed');
    const speed = fast ? chance.pick([0.8, 0.95, 1.05, 1.25]) : 1;
    const process = new Process(this.timeline, ++this.#pids, name, node, speed, chance.whole(0, 1e6));
    this.#living.add(process.pid);
    process.onDeath(() => this.#living.delete(process.pid));
    return process;
  }

  /** Two nodes, in an order. */
  pair(): [string, string] {
    const nodes = [ROUTER_NODE, ...this.setup.nodes];
    const from = this.chance.pick(nodes);
    return [from, this.chance.pick(nodes.filter((node) => node !== from))];
  }

  /** Another engine of the node takes all the room that it gets, for a while. */
  fill(service: ServiceNode, ms: number): boolean {
    const hog = this.#spawn('hog', service.node);
    const attached = service.attachAs('hog', Buffer.alloc(32, 3), hog.pid);
    if (!attached.ok) {
      hog.kill();
      return false;
    }
    const { session } = attached;
    for (
      let i = 0;
      session.begin(null, Buffer.from(this.chance.bytes(32)), i, GEOMETRY.chunkTokens).code === 0;
      i++
    );
    this.timeline.after(ms, () => {
      hog.kill();
      session.end();
    });
    return true;
  }

  /** Faults are over: what waits for its turn to go wrong does not. */
  calm(): void {
    for (const engine of this.engines.values()) engine.misbehave([]);
    this.network.mischief = null;
    this.lanes.calm();
  }

  /** Routers, services or the network are not as they should be for so long. */
  disturb(ms: number): void {
    this.#disturbedUntil = Math.max(this.#disturbedUntil, this.timeline.now + ms);
  }

  fault(name: string, what: string): void {
    this.faults++;
    if (!isEngines(name)) this.disturb(0);
    this.count(`fault: ${name}`);
    this.log.add('FAULT', `${name}: ${what}`);
  }

  count(what: string, times = 1): void {
    if (times > 0) this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }

  counted(): ReadonlyMap<string, number> {
    this.count('fault: delay', this.network.delayed);
    this.count('fault: message sent again', this.network.lost);
    return this.#counts;
  }

  violation(text: string): void {
    this.log.add('VIOLATION', text);
    this.violations.push(text);
  }

  /** Runs until then, or to the first violation. After every event what must hold is looked at, and `each` called. */
  run(until: number, each: () => void): Promise<void> {
    return run(this.timeline, until, () => {
      this.#look();
      each();
      return this.violations.length > 0;
    });
  }

  #look(): void {
    const { world } = this.router;
    if (world !== null) for (const flaw of routerFlaws(world, this.stoppedMs)) this.violation(flaw);
    this.seen.tickets.atEveryStep();
    if (this.timeline.events % ARENAS_EVERY !== 0) return;
    for (const { node, arena } of this.services.values())
      for (const flaw of arenaFlaws(arena, this.oracle, this.setup.model.namespace)) this.violation(`service ${node}: ${flaw}`);
  } // prettier-ignore

  // ---- clients ----

  ask(ask: Ask): void {
    const { network, log, timeline } = this;
    const told = (outcome: Outcome): void => {
      this.asking.delete(answer);
      this.outcomes.set(ask.id, outcome);
      this.count(`request: ${outcome.kind}`);
      const code = 'code' in outcome ? outcome.code : '';
      if (code !== '') this.count(`code: ${code}`);
      log.add(ask.id, `ends: ${outcome.kind} ${code}`);
    };
    const answer = new Answer(
      ask, LANES, (ms, work) => { timeline.after(ms, work); }, told, (text) => { this.violation(text); },
    ); // prettier-ignore
    this.asking.add(answer);
    log.add(ask.id, `asks: ${ask.prompt.length} tokens, ${ask.maxTokens} more, tenant ${ask.tenant}`);
    network.connect(
      this.#client,
      ROUTER_NODE,
      () => this.router.listening(),
      3000,
      (stream) => {
        if (stream === null || answer.over) {
          stream?.close('a');
          answer.lost(true);
          return;
        }
        stream.kind = 'client';
        stream.lost.a = () => { answer.lost(false); }; // prettier-ignore
        if (ask.leavesAfter !== null) {
          timeline.after(ask.leavesAfter, () => {
            if (answer.over) return;
            answer.left();
            stream.close('a');
          });
        }
        const exchange = new MemoryExchange(stream, headersOf(ask), answer);
        this.#exchanges.set(ask.id, exchange);
        const { handler } = this.router;
        stream.send('b', () => { handler?.(exchange, exchange); }); // prettier-ignore
        const body = bodyOf(ask);
        const half = body.length >> 1;
        stream.send('b', () => { exchange.arrived(body.subarray(0, half), false); }); // prettier-ignore
        stream.send('b', () => { exchange.arrived(body.subarray(half), true); }); // prettier-ignore
      },
    );
  }
}

function headersOf({ tenant, id, mode }: Ask): Record<string, string> {
  return {
    authorization: `Bearer ${TENANTS[tenant]?.key ?? ''}`,
    'content-type': 'application/json',
    'x-request-id': id,
    ...(mode === null ? {} : { 'x-baton-placement': mode }),
  };
}

function bodyOf({ prompt, maxTokens, stream, tenant }: Ask): Buffer {
  return Buffer.from(JSON.stringify({ model: 'model', prompt, max_tokens: maxTokens, stream, seed: tenant }));
}

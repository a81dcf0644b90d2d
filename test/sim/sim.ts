// One deployment in one process: nodes with services and engines, a router, clients; everything from one seed.
import { hex } from '#core/ids.ts';
import type { LinkEvents } from '#transfer/link.ts';
import { Answer, type Outcome } from './client.ts';
import { run, Timeline } from './clock.ts';
import { MemoryExchange } from './edge.ts';
import { EngineNode, type LegBody } from './engine.ts';
import { LaneDriver } from './lane-driver.ts';
import { SimLog } from './log.ts';
import { Network } from './network.ts';
import { Process } from './process.ts';
import { Chance } from './random.ts';
import { RouterNode } from './router.ts';
import { ServiceNode } from './service.ts';
import { CLIENT_NODE, GEOMETRY, LANES, ROUTER_NODE, setupOf, TENANTS, type Setup } from './setup.ts';
import type { Ask } from './workload.ts';

const KEY = Buffer.alloc(32, 'cluster');

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
  readonly outcomes = new Map<string, Outcome>();
  readonly violations: string[] = [];
  /** For how long the router did not run, at most. */
  stoppedMs = 0;
  faults = 0;
  /** What happened, counted by kind: faults, ends of requests and tickets. */
  readonly counts = new Map<string, number>();
  /** By request: legs that arrived, by role. */
  readonly legs = new Map<string, { prefill: number; decode: number }>();
  /** Asked of clients that nobody has answered yet. */
  readonly asking = new Set<Answer>();
  readonly #living = new Set<number>();
  readonly #client: Process;
  readonly #seed: number;
  readonly #roots = new Map<string, number>();
  readonly #reports = new Map<string, string>();
  #pids = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.chance = new Chance(seed, 'faults');
    this.network = new Network(this.timeline, new Chance(seed, 'network'));
    this.setup = setupOf(new Chance(seed, 'setup'));
    this.lanes = new LaneDriver(this.network, (node) => this.services.get(node)?.process ?? null);
    this.#client = this.#spawn('client', CLIENT_NODE);
    const { nodes, arenaBytes, shareMax, engines, model, config } = this.setup;
    for (const node of nodes) this.services.set(node, new ServiceNode({
      node, key: KEY, arenaBytes: arenaBytes[node] ?? 0, shareMax, geometry: GEOMETRY, lanes: this.lanes.network,
      processes: { alive: (pid) => this.#living.has(pid) }, timeline: this.timeline, chance: new Chance(seed, node),
      log: this.log, spawn: () => this.#spawn(`svc ${node}`, node),
    })); // prettier-ignore
    for (const { name, node, settings } of engines) this.engines.set(name, new EngineNode({
      name, settings, model, chance: new Chance(seed, name), spawn: () => this.#spawn(name, node),
      attach: (options, process) => this.#service(node).attach(options, process.pid),
      service: () => this.#service(node).process,
      arrived: (engine, body, id) => { this.#arrived(engine, body, id); },
    })); // prettier-ignore
    this.router = new RouterNode({
      config, key: KEY, network: this.network, chance: new Chance(seed, 'router'), log: this.log,
      spawn: () => this.#spawn('router', ROUTER_NODE),
      service: (address) => this.#service(address.split(':')[0] ?? ''),
      engine: (origin) => {
        const engine = this.engine(new URL(origin).hostname);
        const { node } = engine.process;
        return { node, listener: () => (engine.process.alive ? engine : null) };
      },
      watch: (node, events) => this.#watch(node, events),
    }); // prettier-ignore
  }

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

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  violation(text: string): void {
    this.log.add('VIOLATION', text);
    this.violations.push(text);
  }

  /** Runs until then, or to the first violation. `each` after every event. */
  run(until: number, each: () => void): Promise<void> {
    return run(this.timeline, until, () => {
      each();
      return this.violations.length > 0;
    });
  }

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
        const { handler } = this.router;
        stream.send('b', () => { handler?.(exchange, exchange); }); // prettier-ignore
        const body = bodyOf(ask);
        const half = body.length >> 1;
        stream.send('b', () => { exchange.arrived(body.subarray(0, half), false); }); // prettier-ignore
        stream.send('b', () => { exchange.arrived(body.subarray(half), true); }); // prettier-ignore
      },
    );
  }

  // ---- what is seen on the way ----

  #arrived(engine: string, body: LegBody, id: string): void {
    const baton = body.kv_transfer_params?.baton ?? null;
    const role = baton?.role === 'prefill' ? 'prefill' : 'decode';
    const legs = this.legs.get(id) ?? { prefill: 0, decode: 0 };
    legs[role]++;
    this.legs.set(id, legs);
    this.log.add(
      engine,
      `${role} leg of ${id}${baton?.ticket == null ? '' : `, ticket ${baton.ticket.slice(0, 8)}`}`,
    );
    const { attempts } = this.setup.config.router.limits;
    if (legs[role] > attempts)
      this.violation(`${id}: ${legs[role]} ${role} legs, ${attempts} attempts (invariant 6)`);
    for (const root of [body.cache_salt, baton?.root]) {
      if (root === undefined) continue;
      const owner = this.#roots.get(root) ?? body.seed;
      this.#roots.set(root, owner);
      if (owner !== body.seed)
        this.violation(`${id}: a root of tenant ${owner} for tenant ${body.seed} (invariant 9)`);
    }
  }

  #watch(node: string, events: LinkEvents): LinkEvents {
    return {
      ...events,
      up: (info) => {
        this.log.add('router', `link to ${node} up`);
        events.up(info);
      },
      report: (report) => {
        const id = hex(report.ticket);
        const key = `${id} ${report.role}`;
        this.log.add('router', `report ${id.slice(0, 8)} ${report.role} ${report.state} ${report.reason}`);
        this.count(`ticket: ${report.state}`);
        if (this.#reports.has(key)) this.violation(`ticket ${key}: two last words (invariant 4)`);
        this.#reports.set(key, report.state);
        events.report(report);
      },
      progress: (progress) => {
        this.log.add('router', `progress ${hex(progress.ticket).slice(0, 8)} ${progress.role} ${progress.state} ${progress.chunksLanded}/${progress.chunksNeeded} ${progress.reason}`);
        events.progress(progress);
      },
      down: (reason) => {
        this.log.add('router', `link to ${node} down: ${reason}`);
        events.down(reason);
      },
    }; // prettier-ignore
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

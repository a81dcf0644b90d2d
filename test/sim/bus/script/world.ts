// Runs a script over the model of the bus: nodes, engines and connections by the names that the script gives them. One line is one
// step: it is done, everything that is due then happens, and what happened is told as lines.
import type { Clock } from '#core/clock.ts';
import { Timeline } from '#test/sim/clock.ts';
import { ModelArena } from '../arena.ts';
import { ModelBus } from '../bus.ts';
import type { LaneConnection, ModelSession, SlotRef } from '../contract.ts';
import { ModelNetwork } from '../network.ts';
import { execute } from './commands.ts';
import { connectionLine, countersLine, drainedLines, messageLine } from './report.ts';

export interface NodeOptions {
  name: string;
  port: number;
  slots: number;
  kib: number;
  share: number; // per cent of the arena
  silenceMs: number;
  connectMs: number;
}

export interface ScriptNode {
  options: NodeOptions;
  arena: ModelArena;
  bus: ModelBus | null;
  woken: boolean;
  deaf: boolean; // JavaScript stalls: nothing is drained
  epochs: number;
  counted: Map<string, number>;
}

export interface ScriptEngine {
  node: ScriptNode;
  name: string;
  pid: number;
  session: ModelSession;
}

export class World {
  readonly timeline = new Timeline();
  readonly nodes = new Map<string, ScriptNode>();
  readonly engines = new Map<string, ScriptEngine>(); // by handle
  readonly slots = new Map<string, SlotRef>();
  readonly claims = new Map<string, { claim: number; slots: SlotRef[] }>();
  readonly connections: LaneConnection[] = []; // all that ever were, by number − 1
  readonly dead = new Set<number>(); // processes
  network = this.#network(3);
  /** Where the model itself breaks an invariant. */
  broken: string | null = null;
  readonly #shown = new Map<LaneConnection, string>();
  readonly #told = new Map<string, string[]>(); // by connection and direction

  constructor() {
    this.timeline.now = 1000; // a stamp of 0 means never
  }

  /** What the line answers and what it leads to. */
  step(line: string): string[] {
    const answer = execute(this, line.split(' '));
    this.settle();
    const lines = answer === null ? [] : [`= ${answer}`];
    for (const node of this.nodes.values()) {
      if (node.bus !== null && node.woken && !node.deaf) lines.push(...this.drain(node, node.bus));
    }
    for (const key of [...this.#told.keys()].sort()) lines.push(...(this.#told.get(key) ?? []));
    this.#told.clear();
    for (const connection of this.connections) {
      const text = connectionLine(connection);
      if (this.#shown.get(connection) === text) continue;
      this.#shown.set(connection, text);
      lines.push(text);
    }
    for (const { options, bus, counted } of this.nodes.values()) {
      if (bus !== null) lines.push(...countersLine(options.name, bus, counted));
    }
    return lines;
  }

  drain(node: ScriptNode, bus: ModelBus): string[] {
    node.woken = false;
    return drainedLines(node.options.name, bus.drain());
  }

  node(name: string): ScriptNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  engine(handle: string): ScriptEngine {
    const engine = this.engines.get(handle);
    if (engine === undefined) throw new Error(`there is no engine ${handle}`);
    return engine;
  }

  setWindow(runs: number): void {
    this.network = this.#network(runs);
  }

  addNode(options: NodeOptions): void {
    const arena = new ModelArena(options.kib * 1024, options.slots, { alive: (pid) => !this.dead.has(pid) });
    const node: ScriptNode = {
      options, arena, bus: null, woken: false, deaf: false, epochs: options.port * 1000, counted: new Map(),
    }; // prettier-ignore
    this.nodes.set(options.name, node);
    this.start(node);
  }

  start(node: ScriptNode): void {
    const { name, port, slots, kib, share, silenceMs, connectMs } = node.options;
    const clock: Clock = { now: () => this.timeline.now, after: (ms, work) => this.timeline.after(ms, work) };
    node.counted.clear();
    node.bus = new ModelBus(node.arena, {
      node: name, arenaPath: '', arenaBytes: kib * 1024, slotsMax: slots, prefault: false, socketPath: '',
      laneHost: '127.0.0.1', lanePort: port, clusterKeys: [], laneSilenceMs: silenceMs, laneConnectMs: connectMs,
      ticketShareMax: share / 100, verify: true, clock, network: this.network, epoch: () => ++node.epochs,
    }, () => { node.woken = true; }); // prettier-ignore
  }

  advance(ms: number): void {
    const until = this.timeline.now + ms;
    while (this.timeline.step(until)) { /* until then */ } // prettier-ignore
    this.timeline.now = until;
  }

  settle(): void {
    while (this.timeline.step(this.timeline.now)) { /* until now */ } // prettier-ignore
  }

  #network(window: number): ModelNetwork {
    return new ModelNetwork({
      window,
      silence: true,
      changed: (connection) => {
        if (!this.connections.includes(connection)) this.connections.push(connection);
      },
      sent: ({ id }, to, message) => {
        const key = `${String(id).padStart(6)}${to}`;
        this.#told.set(key, [...(this.#told.get(key) ?? []), messageLine(id, to, message)]);
      },
    });
  }
}

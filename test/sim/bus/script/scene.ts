// A random script as it is being made: what was said so far, what it led to over the model, and what there is to go on with.
import { Chance } from '#test/sim/random.ts';
import { BOUNDS } from '../limits.ts';
import { chunksText, type ScriptChunk } from './names.ts';
import { World, type ScriptEngine, type ScriptNode } from './world.ts';

export interface Journey {
  ticket: string;
  engine: string; // names
  sourceEngine: string;
  space: number; // namespace and geometry
  source: string; // nodes
  target: string;
  chunks: ScriptChunk[];
  epoch: number; // 0: not granted
  expected: boolean;
}

export interface Fill {
  handle: string;
  name: string;
  node: ScriptNode;
  layers: number[]; // not announced yet
  announced: number[];
  value: number;
  over: boolean; // given up, or wholly announced
}

export interface Holding {
  handle: string;
  name: string;
  count: number;
}

export interface Attachment {
  handle: string;
  engine: ScriptEngine;
  space: number;
  geometry: number;
  detached: boolean;
  hungUp: boolean;
}

export class Scene {
  readonly chance: Chance;
  readonly world = new World();
  readonly lines: string[] = [];
  readonly outputs: string[][] = [];
  readonly journeys: Journey[] = [];
  readonly attachments: Attachment[] = [];
  fills: Fill[] = [];
  claims: Holding[] = [];
  tickets = 0;
  names = 0;
  values = 0;
  pids = 100;

  constructor(seed: number) {
    this.chance = new Chance(seed, 'script of the bus');
  }

  say(line: string): readonly string[] {
    this.lines.push(line);
    const output = this.world.step(line);
    this.outputs.push(output);
    for (const text of output) this.#learn(text);
    return output;
  }

  /** The code that a call answered. */
  code(line: string): number {
    const answer = this.say(line)[0] ?? '';
    return answer.startsWith('= ') ? Number(answer.split(' ')[1]) : NaN;
  }

  pick<T>(list: readonly T[]): T | null {
    return list.length === 0 ? null : this.chance.pick(list);
  }

  chunksOf({ chunks }: Journey): string {
    return chunksText(chunks);
  }

  alive({ engine, detached }: Attachment): boolean {
    return !detached && !this.world.dead.has(engine.pid);
  }

  /** Attached and able to speak. */
  engines(node?: string): Attachment[] {
    return this.attachments.filter(
      (a) =>
        this.alive(a) &&
        !a.engine.session.closed &&
        (node === undefined || a.engine.node.options.name === node),
    );
  }

  get nodes(): ScriptNode[] {
    return [...this.world.nodes.values()];
  }

  #learn(text: string): void {
    const granted = /^(\S+) (t\d+) [tb] granted need=(\S+) epoch=(\d+)/.exec(text);
    const journey = this.journeys.find((j) => j.ticket === granted?.[2] && j.target === granted[1]);
    if (granted === null || journey === undefined) return;
    journey.epoch = Number(granted[4]);
    journey.chunks.forEach((chunk, i) => (chunk.needed = granted[3]?.[i] === '1'));
  }

  /** At rest nothing is held any more (invariant 4). */
  atRest(): void {
    for (const { options, bus } of this.nodes) {
      const c = bus?.counters() ?? {};
      const left = ['tickets_live', 'arena_pins', 'arena_quiescing', 'arena_bytes_pinned'].filter(
        (name) => (c[name] ?? 0) !== 0,
      );
      if (bus !== null && c.arena_bytes_used !== c.arena_bytes_sealed) left.push('arena_bytes_used');
      if (left.length > 0) this.world.broken ??= `at rest ${options.name} still has ${left.join(', ')}`;
    }
  }
}

export const LEASES = [60, 400, 2000, 5000, 5000] as const;
export const LEASE_MOST = 5000;
export const REDIAL_MOST = BOUNDS.firstPauseMs * 2 ** BOUNDS.reconnectsPerLane;

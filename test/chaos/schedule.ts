// What is done to whom, and when: all of it from a seed, so that a run is replayed by its seed alone.
import type { Random } from '#core/random.ts';

export interface Targets {
  /** Processes; of one that stands twice twice as much. */
  processes: readonly string[];
  /** Ways between processes that go over a proxy. */
  links: readonly string[];
}

export type Way = 'up' | 'down' | 'both';

/** `lastsMs`: until it is started again, goes on, or lets bytes pass again. */
export type Blow = { atMs: number; target: string } & (
  { kind: 'kill' | 'stop'; lastsMs: number } | { kind: 'hold'; way: Way; lastsMs: number } | { kind: 'cut' }
);

/** Mean pause between two blows, ms. */
const PAUSE_MS = 6000;
/** After a kill its target is left alone for so long beyond what it lasts: it starts. */
const STARTS_MS = 8000;
const LASTS_MS = { kill: [200, 4000], stop: [300, 6000], hold: [200, 5000], cut: [0, 0] } as const;
/** How often what, of ten. */
const KINDS = ['kill', 'kill', 'stop', 'stop', 'stop', 'cut', 'cut', 'cut', 'hold', 'hold'] as const;
const WAYS: readonly Way[] = ['up', 'down', 'both'];

export function scheduleOf(random: Random, targets: Targets, fromMs: number, untilMs: number): Blow[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.unit() * list.length)] as T;
  const free = new Map<string, number>();
  const blows: Blow[] = [];
  for (let at = fromMs; ;) {
    at += -Math.log(1 - random.unit()) * PAUSE_MS;
    if (at >= untilMs) return blows;
    const atMs = Math.round(at);
    const kind = pick(KINDS);
    const all = kind === 'kill' || kind === 'stop' ? targets.processes : targets.links;
    const target = pick(all);
    const [least, most] = LASTS_MS[kind];
    const lastsMs = Math.round(least + random.unit() * (most - least));
    const way = pick(WAYS);
    if ((free.get(target) ?? 0) > atMs) continue;
    free.set(target, atMs + lastsMs + (kind === 'kill' ? STARTS_MS : 0));
    if (kind === 'cut') blows.push({ atMs, target, kind });
    else if (kind === 'hold') blows.push({ atMs, target, kind, way, lastsMs });
    else blows.push({ atMs, target, kind, lastsMs });
  }
}

export const told = (blow: Blow): string =>
  `${blow.kind} ${blow.target}${blow.kind === 'hold' ? ` ${blow.way}` : ''}${blow.kind === 'cut' ? '' : ` ${blow.lastsMs} ms`}`;

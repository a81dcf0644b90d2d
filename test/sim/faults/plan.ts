// The faults of one run: which, where and when is drawn from its seed. All are over by `until`.
import type { Sim } from '../sim.ts';
import { ENGINE_FAULTS, STORM } from './engines.ts';
import { LATER, type Faults } from './kind.ts';
import { BATCHES, NETWORK_FAULTS } from './network.ts';
import { ROUTER_FAULTS } from './router.ts';
import { SERVICE_FAULTS } from './services.ts';

const ALL: Faults = { ...ENGINE_FAULTS, ...SERVICE_FAULTS, ...ROUTER_FAULTS, ...NETWORK_FAULTS };
export const FAULT_NAMES: readonly string[] = [
  ...Object.keys({ ...ALL, ...STORM }).filter((name) => name !== 'batches'),
  ...BATCHES.map((how) => `batch ${how}`),
];

/** What may go wrong in a run; in a calm one, nothing. */
export type Mood = 'all' | 'engines' | 'services' | 'control' | 'calm' | 'storm';
const KINDS: Readonly<Record<Mood, Faults>> = {
  all: ALL,
  engines: ENGINE_FAULTS,
  services: SERVICE_FAULTS,
  control: { ...ROUTER_FAULTS, ...NETWORK_FAULTS },
  calm: {},
  storm: STORM,
};

/** All that goes wrong with this fault is an engine's. */
export const isEngines = (name: string): boolean =>
  Object.hasOwn(ENGINE_FAULTS, name) || Object.hasOwn(STORM, name);

/** Plans the faults of [from, until). */
export function planFaults(sim: Sim, from: number, until: number): void {
  const { chance, timeline } = sim;
  const { mood } = sim.setup;
  const all = KINDS[mood];
  if (mood === 'storm') {
    timeline.at(from, () => { attempt(sim, all, 'every engine fails', until, 0); }); // prettier-ignore
    return;
  }
  // Each run has its own few kinds, so that runs differ more than their schedules.
  const kinds = Object.keys(all).filter(() => chance.chance(mood === 'all' ? 0.35 : 0.6));
  const count = kinds.length === 0 ? 0 : chance.whole(1, 14);
  for (let i = 0; i < count; i++) {
    const name = chance.pick(kinds);
    timeline.at(chance.between(from, until), () => { attempt(sim, all, name, until, 500); }); // prettier-ignore
  }
}

/** What finds nothing to act on looks again soon. */
function attempt(sim: Sim, kinds: Faults, name: string, until: number, tries: number): void {
  const left = until - sim.timeline.now;
  if (left <= 0) return;
  const done = kinds[name]?.(sim, left) ?? null;
  if (done === null) {
    if (tries > 0) sim.timeline.after(2, () => { attempt(sim, kinds, name, until, tries - 1); }); // prettier-ignore
    return;
  }
  if (done !== LATER) sim.fault(name, done);
}

// What a fault is, and what several kinds have in common.
import type { Process } from '../process.ts';
import type { Sim } from '../sim.ts';

/** Does it, and returns what was done; null: there was nothing to do it to. All is over after `leftMs`. */
export type Fault = (sim: Sim, leftMs: number) => string | null;
/** It will be done, and told then. */
export const LATER = '';
export type Faults = Readonly<Record<string, Fault>>;

export const engineOf = (sim: Sim) => sim.chance.pick([...sim.engines.values()]);
export const serviceOf = (sim: Sim) => sim.chance.pick([...sim.services.values()]);
export const lasting = (sim: Sim, leftMs: number, most: number): number =>
  Math.min(leftMs, sim.chance.between(1, most));

/** A process that was killed is started again, at its address. */
export function again(sim: Sim, who: string, ms: number, start: () => void): void {
  sim.timeline.after(ms, () => {
    start();
    sim.count('fault: restart at the same address');
    sim.log.add(who, 'starts');
  });
}

/** SIGSTOP, and SIGCONT before or after the leases of its tickets have ended. */
export function stop(sim: Sim, process: Process | null, leftMs: number): string | null {
  if (process === null || !process.alive || process.stopped) return null;
  const ms = lasting(sim, leftMs, sim.chance.chance(0.5) ? 300 : 4000);
  process.stop();
  // A router's own requests may take as much longer, on a clock that is faster.
  if (process === sim.router.process) sim.stoppedMs += ms * 1.3;
  if (!sim.engines.has(process.name)) sim.disturb(ms);
  sim.timeline.after(ms, () => {
    process.resume();
    if (ms > sim.setup.config.router.timeouts.lease_ms) sim.count('fault: late resume');
    sim.log.add(process.name, 'resumes');
  });
  return `${process.name} for ${ms.toFixed(0)} ms`;
}

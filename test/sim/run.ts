// One seed, from its first event to rest: the same seed gives the same log, byte for byte.
import { planFaults } from './faults.ts';
import { atEveryStep, notAtRest } from './invariants.ts';
import { Chance } from './random.ts';
import { Sim } from './sim.ts';
import { workload } from './workload.ts';

const BEGIN_MS = 1500;
const BUSY_MS = 6000;
/** After the last fault everything is at rest within: a request's bound, then the wait for reports, on the slowest clock. */
const REST_MS = (15_000 + 30_000) / 0.8 + 10_000;
const LOOK_MS = 1000;
/** Far more events than a run has: one that goes round in a circle ends. */
const EVENTS_MAX = 1_000_000;

export interface RunResult {
  seed: number;
  violations: string[];
  requests: number;
  faults: number;
  events: number;
  counts: Record<string, number>;
  log: readonly string[];
  digest: string;
}

export async function runSeed(seed: number): Promise<RunResult> {
  const sim = new Sim(seed);
  const asks = workload(new Chance(seed, 'workload'), BEGIN_MS, BUSY_MS);
  const busyUntil = BEGIN_MS + BUSY_MS;
  for (const ask of asks) sim.timeline.at(ask.at, () => { sim.ask(ask); }); // prettier-ignore
  planFaults(sim, BEGIN_MS - 500, busyUntil);
  const each = (): void => {
    atEveryStep(sim);
    if (sim.timeline.events > EVENTS_MAX) sim.violation(`more than ${EVENTS_MAX} events (invariant 6)`);
  };
  try {
    await sim.run(busyUntil + 1, each);
    let left = notAtRest(sim);
    for (let at = busyUntil + LOOK_MS; left.length > 0 && at < busyUntil + REST_MS; at += LOOK_MS) {
      if (sim.violations.length > 0) break;
      await sim.run(at, each);
      left = notAtRest(sim);
    }
    if (sim.violations.length === 0) for (const text of left) sim.violation(text);
  } catch (error) {
    sim.violation(`threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  return {
    seed,
    violations: sim.violations,
    requests: asks.length,
    faults: sim.faults,
    events: sim.timeline.events,
    counts: Object.fromEntries(sim.counts),
    log: sim.log.lines,
    digest: sim.log.digest(),
  };
}

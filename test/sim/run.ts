// One seed, from its first event to rest: the same seed gives the same log, byte for byte.
import { failedInACalm, notAtRest, notServed } from './at-rest.ts';
import { planFaults } from './faults/plan.ts';
import { Chance } from './random.ts';
import { Sim } from './sim.ts';
import { probes, workload, type Ask } from './workload.ts';

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
  const asks = workload(new Chance(seed, 'workload'), BEGIN_MS, BUSY_MS, sim.setup.mood === 'storm');
  const busyUntil = BEGIN_MS + BUSY_MS;
  plan(sim, asks);
  planFaults(sim, BEGIN_MS - 500, busyUntil);
  sim.timeline.at(busyUntil, () => { sim.calm(); }); // prettier-ignore
  try {
    await advance(sim, busyUntil);
    if (await comesToRest(sim)) {
      if (sim.setup.mood === 'calm') for (const text of failedInACalm(sim)) sim.violation(text);
      await serve(sim);
      await comesToRest(sim);
    }
  } catch (error) {
    sim.violation(`threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  const { timeline, log } = sim;
  return {
    seed,
    violations: sim.violations,
    requests: asks.length,
    faults: sim.faults,
    events: timeline.events,
    counts: Object.fromEntries(sim.counted()),
    log: log.lines,
    digest: log.digest(),
  };
}

/** False: it does not, or a violation has ended the run. */
async function comesToRest(sim: Sim): Promise<boolean> {
  const until = sim.timeline.now + REST_MS;
  let left: string[] = [];
  while (sim.timeline.now < until && sim.violations.length === 0) {
    await advance(sim, sim.timeline.now + LOOK_MS);
    left = notAtRest(sim);
    if (left.length === 0) break;
  }
  if (sim.violations.length === 0) for (const text of left) sim.violation(text);
  return sim.violations.length === 0;
}

/** A few more requests: whatever has happened, they are served. */
async function serve(sim: Sim): Promise<void> {
  const asks = probes(sim.timeline.now + 1);
  plan(sim, asks);
  await advance(sim, sim.timeline.now + 500 * asks.length + 3000);
  if (sim.violations.length === 0)
    for (const { id } of asks) for (const text of notServed(sim, id)) sim.violation(text);
}

function plan(sim: Sim, asks: readonly Ask[]): void {
  for (const ask of asks) {
    sim.oracle.add(ask);
    sim.timeline.at(ask.at, () => { sim.ask(ask); }); // prettier-ignore
  }
}

function advance(sim: Sim, until: number): Promise<void> {
  return sim.run(until, () => {
    if (sim.timeline.events > EVENTS_MAX) sim.violation(`more than ${EVENTS_MAX} events (invariant 6)`);
  });
}

// The faults of one run: which, where and when is drawn from its seed. All are over by `until`.
import type { Sim } from './sim.ts';

/** One kind: does it, and returns what was done; null: there was nothing to do it to. */
type Fault = (sim: Sim, leftMs: number) => string | null;

const MISBEHAVIOURS = ['status 500', 'refuses', 'error event', 'ends early', 'not OpenAI'] as const;

const engineOf = (sim: Sim) => sim.chance.pick([...sim.engines.values()]);
const serviceOf = (sim: Sim) => sim.chance.pick([...sim.services.values()]);
const lasting = (sim: Sim, leftMs: number, most: number): number =>
  Math.min(leftMs, sim.chance.between(1, most));

export const FAULTS: Readonly<Record<string, Fault>> = {
  'engine crash': (sim, left) => {
    const engine = engineOf(sim);
    if (!engine.process.alive) return null;
    engine.kill();
    sim.timeline.after(lasting(sim, left, 1500), () => { engine.restart(); sim.log.add(engine.name, 'starts'); });
    return engine.name;
  },
  'service crash': (sim, left) => {
    const service = serviceOf(sim);
    if (service.life === null) return null;
    service.kill();
    sim.timeline.after(lasting(sim, left, 1500), () => { service.start(); sim.log.add(service.node, 'service starts'); });
    return service.node;
  },
  'service drain': (sim, left) => {
    const service = serviceOf(sim);
    const { life } = service;
    if (life === null || life.process.stopped) return null;
    life.process.deliver(() => void service.drain());
    const again = (): void => {
      if (service.life !== null && service.life !== life) return;
      if (service.life === life) { service.kill(); }
      service.start();
      sim.log.add(service.node, 'service starts');
    };
    sim.timeline.after(Math.min(left, sim.chance.between(1200, 2000)), again);
    return service.node;
  },
  'router crash': (sim, left) => {
    const { router } = sim;
    if (!router.process.alive) return null;
    router.kill();
    sim.timeline.after(lasting(sim, left, 800), () => { router.restart(); });
    return 'router';
  },
  'stop and resume': (sim, left) => {
    const { chance } = sim;
    const which = chance.whole(0, 4);
    const process = which <= 1 ? engineOf(sim).process : which <= 3 ? serviceOf(sim).process : sim.router.process;
    if (process === null || !process.alive || process.stopped) return null;
    const ms = lasting(sim, left, chance.chance(0.5) ? 300 : 4000);
    process.stop();
    if (process === sim.router.process) sim.stoppedMs += ms * 1.3;
    sim.timeline.after(ms, () => { process.resume(); sim.log.add(process.name, 'resumes'); });
    return `${process.name} for ${ms.toFixed(0)} ms`;
  },
  'slow engine': (sim, left) => {
    const engine = engineOf(sim);
    engine.slow = sim.chance.pick([5, 30, 200]);
    sim.timeline.after(lasting(sim, left, 3000), () => { engine.slow = 1; });
    return `${engine.name} ${engine.slow} times`;
  },
  'engine misbehaves': (sim) => {
    const engine = engineOf(sim);
    engine.misbehaves = sim.chance.pick(MISBEHAVIOURS);
    return `${engine.name}: ${engine.misbehaves}`;
  },
  'engine sick': (sim, left) => {
    const engine = engineOf(sim);
    engine.sick = true;
    sim.timeline.after(lasting(sim, left, 4000), () => { engine.sick = false; });
    return engine.name;
  },
  'full arena': (sim, left) => {
    const service = serviceOf(sim);
    const ms = lasting(sim, left, 2000);
    return sim.fill(service, ms) ? `${service.node} for ${ms.toFixed(0)} ms` : null;
  },
  'one-way partition': (sim, left) => {
    const [from, to] = sim.pair();
    const ms = Math.min(left, sim.chance.between(1, sim.chance.chance(0.3) ? 12_000 : 1500));
    sim.network.block(from, to, ms);
    return `${from} to ${to} for ${ms.toFixed(0)} ms`;
  },
  clogging: (sim, left) => {
    const [from, to] = sim.pair();
    const ms = lasting(sim, left, 150);
    sim.network.block(from, to, ms);
    sim.network.block(to, from, ms);
    return `${from} and ${to} for ${ms.toFixed(0)} ms`;
  },
  loss: (sim, left) => {
    sim.network.loss = 0.15;
    sim.timeline.after(lasting(sim, left, 2000), () => { sim.network.loss = 0; });
    return 'everywhere';
  },
  'cut stream': (sim) => {
    const streams = [...sim.network.open('control'), ...sim.network.open('leg')];
    if (streams.length === 0) return null;
    const stream = sim.chance.pick(streams);
    stream.cut();
    return `${stream.kind} of ${stream.end('b').name}`;
  },
  'batch duplicated': (sim) => mischief(sim, 'duplicate'),
  'batch reordered': (sim) => mischief(sim, 'reorder'),
  'batch lost': (sim) => mischief(sim, 'lose'),
  'cut lane': (sim) => lane(sim, (one) => {
    if (sim.chance.chance(0.5)) one.cut();
    else one.cut(sim.chance.pick(['dialler', 'listener'] as const));
    return true;
  }),
  'wrong bytes': (sim) => lane(sim, (one) => one.corruptNext('listener')),
  'lane message duplicated': (sim) => lane(sim, (one) => one.duplicateNext(sim.chance.pick(['dialler', 'listener'] as const))),
}; // prettier-ignore

function mischief(sim: Sim, kind: 'duplicate' | 'reorder' | 'lose'): string | null {
  const streams = sim.network.open('control');
  if (streams.length === 0) return null;
  const stream = sim.chance.pick(streams);
  stream.mischief = kind;
  return `control of ${stream.end('b').name}`;
}

type Lane = Sim['lanes']['up'][number];

function lane(sim: Sim, work: (one: Lane) => boolean): string | null {
  const { up } = sim.lanes;
  if (up.length === 0) return null;
  const one = sim.chance.pick(up);
  return work(one) ? `${one.dialler} to ${one.listener}` : null;
}

/** Plans the faults of [from, until). */
export function planFaults(sim: Sim, from: number, until: number): void {
  const { chance, timeline } = sim;
  const names = Object.keys(FAULTS);
  // Each run has its own few kinds, so that runs differ more than their schedules.
  const kinds = names.filter(() => chance.chance(0.35));
  const count = kinds.length === 0 ? 0 : chance.whole(1, 12);
  for (let i = 0; i < count; i++) {
    const name = chance.pick(kinds);
    const again = chance.whole(1, 4);
    timeline.at(chance.between(from, until), () => { attempt(sim, name, until, again * 20); }); // prettier-ignore
  }
}

/** What finds nothing to act on looks again soon. */
function attempt(sim: Sim, name: string, until: number, tries: number): void {
  const left = until - sim.timeline.now;
  if (left <= 0) return;
  const done = FAULTS[name]?.(sim, left) ?? null;
  if (done === null) {
    if (tries > 0) sim.timeline.after(3, () => { attempt(sim, name, until, tries - 1); }); // prettier-ignore
    return;
  }
  sim.faults++;
  sim.count(`fault: ${name}`);
  sim.log.add('FAULT', `${name}: ${done}`);
}

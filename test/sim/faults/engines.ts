// What goes wrong with engines, and with the room that they share.
import { MISBEHAVIOURS } from '../engine.ts';
import { again, engineOf, lasting, serviceOf, stop, type Faults } from './kind.ts';

export const ENGINE_FAULTS: Faults = {
  'engine crash': (sim, left) => {
    const engine = engineOf(sim);
    if (!engine.process.alive) return null;
    engine.kill();
    again(sim, engine.name, lasting(sim, left, 1500), () => { engine.restart(); });
    return engine.name;
  },
  'engine stop': (sim, left) => stop(sim, engineOf(sim).process, left),
  'slow engine': (sim, left) => {
    const engine = engineOf(sim);
    engine.slow = sim.chance.pick([5, 60, 200]);
    sim.timeline.after(lasting(sim, left, 3000), () => { engine.slow = 1; });
    return `${engine.name} ${engine.slow} times`;
  },
  'engine misbehaves': (sim) => {
    const engine = engineOf(sim);
    const how = Array.from({ length: sim.chance.whole(1, 4) }, () => sim.chance.pick(MISBEHAVIOURS));
    engine.misbehave(how);
    return `${engine.name}: ${how.join(', then ')}`;
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
  'answer cut': (sim) => {
    const answering = sim.network.open('leg').filter((stream) => stream.answering);
    if (answering.length === 0) return null;
    const stream = sim.chance.pick(answering);
    stream.cut();
    return `of ${stream.end('b').name}`;
  },
}; // prettier-ignore

/** No request is computed as long as it lasts: what is tried again is tried in vain. */
export const STORM: Faults = {
  'every engine fails': (sim, left) => {
    for (const engine of sim.engines.values()) engine.fails = true;
    sim.timeline.after(left, () => { for (const engine of sim.engines.values()) engine.fails = false; });
    return `for ${left.toFixed(0)} ms`;
  },
}; // prettier-ignore

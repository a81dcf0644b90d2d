// What goes wrong with transfer services and with the lanes between them.
import type { LaneConnection } from '../bus/contract.ts';
import type { Sim } from '../sim.ts';
import { again, lasting, LATER, serviceOf, stop, type Faults } from './kind.ts';

export const SERVICE_FAULTS: Faults = {
  'service crash': (sim, left) => {
    const service = serviceOf(sim);
    if (service.life === null) return null;
    service.kill();
    again(sim, service.node, lasting(sim, left, 1500), () => { service.start(); });
    return service.node;
  },
  'service drain': (sim, left) => {
    const service = serviceOf(sim);
    const { life } = service;
    if (life === null || life.process.stopped) return null;
    life.process.deliver(() => void service.drain());
    again(sim, service.node, Math.min(left, sim.chance.between(1200, 2000)), () => {
      if (service.life === life) service.kill();
      service.start();
    });
    return service.node;
  },
  'service stop': (sim, left) => stop(sim, serviceOf(sim).process, left),
  'cut lane': (sim, left) => {
    const { up } = sim.lanes;
    if (up.length === 0) return null;
    const one = sim.chance.pick(up);
    if (sim.chance.chance(0.5)) one.cut();
    else {
      sim.lanes.cutAt(one, sim.chance.pick(['dialler', 'listener'] as const));
      // The other end learns of it too, at last.
      sim.timeline.after(left, () => { one.cut(); });
    }
    return named(one);
  },
  'wrong bytes': (sim) => message(sim, 'wrong bytes', (one) => one.corruptNext('listener')),
  'lane message duplicated': (sim) =>
    message(sim, 'lane message duplicated', (one) => one.duplicateNext('dialler') || one.duplicateNext('listener')),
}; // prettier-ignore

const named = ({ dialler, listener }: LaneConnection): string => `${dialler} to ${listener}`;

/** To the next message that it can be done to. */
function message(sim: Sim, name: string, work: (one: LaneConnection) => boolean): string {
  sim.lanes.next((one) => {
    if (!work(one)) return false;
    sim.fault(name, named(one));
    return true;
  });
  return LATER;
}

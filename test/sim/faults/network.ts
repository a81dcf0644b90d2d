// What goes wrong between nodes, and on the streams between router and services.
import { lasting, LATER, type Faults } from './kind.ts';

/** What TCP would not let happen to a message; sequence numbers are for it. */
export const BATCHES = ['duplicated', 'reordered', 'lost'] as const;

export const NETWORK_FAULTS: Faults = {
  'one-way partition': (sim, left) => {
    const [from, to] = sim.pair();
    const ms = Math.min(left, sim.chance.between(1, sim.chance.chance(0.3) ? 12_000 : 1500));
    sim.network.block(from, to, ms);
    sim.disturb(ms);
    return `${from} to ${to} for ${ms.toFixed(0)} ms`;
  },
  clogging: (sim, left) => {
    const [from, to] = sim.pair();
    const ms = lasting(sim, left, 150);
    sim.network.block(from, to, ms);
    sim.network.block(to, from, ms);
    sim.disturb(ms);
    return `${from} and ${to} for ${ms.toFixed(0)} ms`;
  },
  loss: (sim, left) => {
    const ms = lasting(sim, left, 2000);
    sim.network.loss = 0.15;
    sim.timeline.after(ms, () => { sim.network.loss = 0; });
    sim.disturb(ms);
    return 'everywhere';
  },
  'cut stream': (sim, left) => {
    const streams = [...sim.network.open('control'), ...sim.network.open('leg')];
    if (streams.length === 0) return null;
    const stream = sim.chance.pick(streams);
    stream.cut();
    // What an arena holds changes while its router is away.
    const service = stream.kind === 'control' ? sim.services.get(stream.end('b').node) : undefined;
    if (service !== undefined && sim.chance.chance(0.5)) sim.fill(service, Math.min(left, 20));
    return `${stream.kind} of ${stream.end('b').name}`;
  },
  batches: (sim) => {
    if (sim.network.mischief !== null) return null;
    const to = sim.chance.chance(0.7) ? 'a' : 'b';
    const next = Array.from({ length: sim.chance.whole(2, 8) }, () => sim.chance.pick(BATCHES));
    const told = (how: string, ms: number): void => {
      sim.disturb(ms);
      sim.fault(`batch ${how}`, to === 'a' ? 'to the router' : 'to a service');
    };
    sim.network.mischief = { kind: 'control', to, next, told };
    return LATER;
  },
}; // prettier-ignore

// What goes wrong between nodes, and on the streams between router and services.
import type { Sim } from '../sim.ts';
import { lasting, type Faults } from './kind.ts';

export const NETWORK_FAULTS: Faults = {
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
}; // prettier-ignore

function mischief(sim: Sim, kind: 'duplicate' | 'reorder' | 'lose'): string | null {
  const streams = sim.network.open('control');
  if (streams.length === 0) return null;
  const stream = sim.chance.pick(streams);
  stream.mischief = kind;
  return `control of ${stream.end('b').name}`;
}

// What may be said next, with weights. Each action looks at the scene and says what it has to say, or nothing where there is nothing to
// say it of.
import { abandon, accept, asked, attach, attachAgain, begin, claim, compute, copy, leave, prefill, reading, ready } from './calls.ts'; // prettier-ignore
import { bounce, carry, dialling, flow, flowing, lane } from './carrying.ts';
import { GEOMETRIES } from './names.ts';
import { expectLater, open, order, service, start } from './orders.ts';
import { LEASES, type Scene } from './scene.ts';

type Action = (scene: Scene) => void;

const REASONS = [0, 10, 16];

/** A handoff from its beginning on; each step may be the last. */
function handoff(scene: Scene): void {
  const steps = [
    open,
    prefill,
    dialling,
    compute,
    flowing,
    compute,
    flowing,
    compute,
    flowing,
    flowing,
    claim,
  ];
  for (const step of steps) {
    if (scene.chance.chance(0.06)) return;
    step(scene);
  }
}

export const ACTIONS: Readonly<Record<string, readonly [weight: number, Action]>> = {
  open: [5, open],
  handoff: [5, handoff],
  expect: [8, expectLater],
  accept: [4, (s) => { accept(s); }],
  begin: [8, begin],
  prefill: [8, prefill],
  ready: [20, ready],
  compute: [14, compute],
  copy: [3, copy],
  abandon: [3, abandon],
  poll: [4, (s) => { asked(s, ({ handle }, { ticket }) => `poll ${handle} ${ticket}`); }],
  forget: [1, (s) => { asked(s, ({ handle }, { ticket }) => `forget ${handle} ${ticket}`); }],
  lookup: [2, (s) => { asked(s, ({ handle }, { chunks }) => `lookup ${handle} ${chunks.map(({ key }) => key).join(',')}`); }],
  claim: [8, claim],
  scatter: [8, (s) => { reading(s, (handle, name, i) => `scatter ${handle} ${name} ${i}`); }],
  scattered: [2, (s) => { asked(s, ({ handle, geometry }, { ticket }) => `scattered ${handle} ${ticket} ${GEOMETRIES[geometry]?.layers ?? 0}`); }],
  release: [5, (s) => { reading(s, (handle, name) => `release ${handle} ${name}`, s.chance.chance(0.95)); }],
  corrupt: [1, (s) => { reading(s, (handle, name, i) => `corrupt ${handle} ${name} ${i}`); }],
  abort: [3, (s) => { order(s, ({ ticket }, node) => `abort ${node} ${ticket} ${s.chance.pick(REASONS)}`); }],
  settle: [3, (s) => { order(s, ({ ticket }, node) => `settle ${node} ${ticket}`); }],
  renew: [2, (s) => { order(s, ({ ticket }, node) => `renew ${node} ${ticket} ${s.chance.pick(LEASES)}`); }],
  deliver: [50, (s) => { carry(s, 'deliver'); }],
  flow: [16, flowing],
  'flow spoilt': [1.5, (s) => { flow(s, true); }],
  dialling: [24, dialling],
  bounce: [2, bounce],
  cut: [1, (s) => { lane(s, (n) => `cut ${n}`); }],
  'cut one': [1.5, (s) => { lane(s, (n) => `cut ${n} ${s.chance.pick(['>', '<'])}`); }],
  stall: [1, (s) => { lane(s, (n) => `stall ${n}`); }],
  resume: [3, (s) => { lane(s, (n) => `resume ${n}`); }],
  clog: [1.5, (s) => { lane(s, (n) => `clog ${n} ${s.chance.pick(['>', '<'])}`); }],
  flush: [3, (s) => { lane(s, (n) => `flush ${n} ${s.chance.pick(['>', '<'])}`); }],
  spoil: [2, (s) => { carry(s, 'spoil'); }],
  twice: [2, (s) => { carry(s, 'twice'); }],
  advance: [4, (s) => { s.say(`advance ${s.chance.pick([1, 7, 20, 50, 120])}`); }],
  'advance far': [0.5, (s) => { s.say(`advance ${s.chance.pick([300, 900, 2500])}`); }],
  attach: [4, (s) => { attach(s); }],
  'attach again': [2, attachAgain],
  hangup: [0.7, (s) => { leave(s, 'hangup'); }],
  detach: [0.7, (s) => { leave(s, 'detach'); }],
  kill: [0.7, (s) => { leave(s, 'kill'); }],
  crash: [0.6, (s) => { service(s, 'crash'); }],
  close: [0.3, (s) => { service(s, 'close'); }],
  start: [4, start],
  refuse: [0.1, (s) => { service(s, 'refuse'); }],
  list: [0.7, (s) => { service(s, 'list'); }],
  deaf: [0.5, (s) => { service(s, 'deaf'); }],
  hear: [1.5, (s) => { service(s, 'hear'); }],
}; // prettier-ignore

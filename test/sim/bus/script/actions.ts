// What may be said next, with weights: the router's orders, engines' calls, what the network does to lanes, and deaths. Each looks at the
// scene and says one line, or nothing where there is nothing to say it of.
import { GEOMETRIES, type ScriptChunk } from './names.ts';
import { LEASES, type Attachment, type Fill, type Journey, type Scene } from './scene.ts';

type Action = (scene: Scene) => void;

const REASONS = [0, 10, 16];
const PROMPTS = 3;

/** Prompt p begins with the same chunks as its neighbours do; each ends in a chunk or tail of its own. */
function promptOf({ chance }: Scene, space: number): ScriptChunk[] {
  const length = chance.whole(1, 4);
  const branch = chance.whole(0, length - 1);
  const prompt = chance.whole(1, PROMPTS);
  return Array.from({ length }, (_, i) => {
    const number = space * 100 + (i < branch ? 0 : prompt * 10) + i + 1;
    const tail = i === length - 1 && chance.chance(0.3);
    return { key: `k${tail ? number + 50 : number}`, tokens: tail ? 20 : 64, needed: false };
  });
}

function open(scene: Scene): void {
  const { chance } = scene;
  const decoder = scene.pick(scene.engines());
  const alike = scene.engines().filter(({ space }) => space === decoder?.space);
  const elsewhere = alike.filter(({ engine }) => engine.node !== decoder?.engine.node);
  const prefiller = scene.pick(elsewhere.length > 0 && chance.chance(0.8) ? elsewhere : alike);
  if (decoder === null || prefiller === null) return;
  const journey: Journey = {
    ticket: `t${chance.whole(1, 9999) * 100 + ++scene.tickets}`,
    engine: chance.chance(0.97) ? decoder.engine.name : 'nobody',
    sourceEngine: prefiller.engine.name,
    space: decoder.space,
    source: prefiller.engine.node.options.name,
    target: decoder.engine.node.options.name,
    chunks: promptOf(scene, decoder.space),
    epoch: 0,
    expected: false,
  };
  scene.journeys.push(journey);
  if (chance.chance(0.05)) expect(scene, journey); // before its target: an epoch that nobody gave
  const ticket = chance.chance(0.97)
    ? journey.ticket
    : (scene.pick(scene.journeys)?.ticket ?? journey.ticket);
  const { target, engine, space, source, sourceEngine } = journey;
  const lease = chance.pick(LEASES);
  scene.say(
    `open ${target} ${ticket} ${engine} n${space} ${source} ${sourceEngine} ${lease} ${scene.chunksOf(journey)}`,
  );
  if (journey.epoch !== 0 && source !== target && chance.chance(0.8)) expect(scene, journey);
}

function expect(scene: Scene, journey: Journey): void {
  const { chance } = scene;
  journey.expected = true;
  const { source, target, ticket, sourceEngine, space } = journey;
  const epoch = chance.chance(0.95) ? journey.epoch : journey.epoch + 1;
  const port = chance.chance(0.95) ? scene.world.node(target).options.port : chance.whole(1, 3);
  const node = chance.chance(0.97) ? target : chance.pick(scene.nodes).options.name;
  const chunks = scene.chunksOf(
    chance.chance(0.93)
      ? journey
      : { ...journey, chunks: journey.chunks.map((c) => ({ ...c, needed: true })) },
  );
  scene.say(
    `expect ${source} ${ticket} ${sourceEngine} n${space} ${node} ${port} ${epoch} ${chance.pick(LEASES)} ${chunks}`,
  );
}

function expectLater(scene: Scene): void {
  const journey = scene.pick(
    scene.journeys.filter((j) => j.epoch !== 0 && !j.expected && j.source !== j.target),
  );
  if (journey !== null) expect(scene, journey);
}

/** One of the latest that was granted, mostly. */
function journeyOf(scene: Scene): Journey | null {
  const granted = scene.chance.chance(0.9)
    ? scene.journeys.filter(({ epoch }) => epoch !== 0)
    : scene.journeys;
  return scene.pick(scene.chance.chance(0.85) ? granted.slice(-3) : granted);
}

function order(scene: Scene, what: (journey: Journey, node: string) => string): void {
  const journey = journeyOf(scene);
  if (journey !== null) scene.say(what(journey, scene.chance.pick([journey.source, journey.target])));
}

function called(scene: Scene, name: string, space: number): Attachment | null {
  const all = scene.engines();
  const right = all.filter(({ engine }) => engine.name === name);
  return scene.pick(
    right.length > 0 && scene.chance.chance(0.96) ? right : all.filter((a) => a.space === space),
  );
}

function accept(scene: Scene, journey = journeyOf(scene)): void {
  const engine = journey && called(scene, journey.sourceEngine, journey.space);
  if (!journey || !engine) return;
  const tokens = journey.chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  const told = scene.chance.chance(0.97) ? tokens : tokens + 1;
  scene.say(
    `accept ${engine.handle} ${journey.ticket} ${told} ${journey.chunks.map(({ key }) => key).join(',')}`,
  );
}

function begin(scene: Scene): void {
  const journey = journeyOf(scene);
  if (journey !== null) beginOne(scene, journey, scene.chance.whole(0, journey.chunks.length - 1));
}

/** All that a journey needs, one after the other; layers come later. */
function prefill(scene: Scene): void {
  const journey = journeyOf(scene);
  if (journey === null) return;
  accept(scene, journey);
  for (let i = 0; i < journey.chunks.length; i++) beginOne(scene, journey, i);
}

/** All layers of the fills that are open, layer by layer. */
function compute(scene: Scene): void {
  const fills = writing(scene).slice(-4);
  for (let layers = scene.chance.whole(1, 3); layers > 0; layers--) {
    for (const fill of fills) if (!fill.over) announce(scene, fill);
  }
}

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

const flowing: Action = (scene) => {
  flow(scene, false);
};

function beginOne(scene: Scene, journey: Journey, index: number): void {
  const { chance } = scene;
  const engine = called(scene, journey.sourceEngine, journey.space);
  if (engine === null) return;
  const chunk = journey.chunks[index];
  if (chunk === undefined) return;
  const ticket = chance.chance(0.85) ? journey.ticket : '-';
  const tokens = chance.chance(0.98) ? chunk.tokens : chunk.tokens - 1;
  const name = `s${++scene.names}`;
  if (scene.code(`begin ${engine.handle} ${name} ${ticket} ${chunk.key} ${index} ${tokens}`) !== 0) return;
  const layers = Array.from({ length: GEOMETRIES[engine.geometry]?.layers ?? 0 }, (_, l) => l);
  const { node } = engine.engine;
  scene.fills.push({
    handle: engine.handle,
    name,
    node,
    layers,
    announced: [],
    value: ++scene.values,
    over: false,
  });
}

const engineOf = (scene: Scene, { handle }: { handle: string }): Attachment | null =>
  scene.attachments.find((a) => a.handle === handle) ?? null;

const writing = (scene: Scene): Fill[] =>
  scene.fills.filter((fill) => {
    const engine = engineOf(scene, fill);
    return !fill.over && engine !== null && scene.alive(engine);
  });

function ready(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  if (fill !== null) announce(scene, fill);
}

function announce(scene: Scene, fill: Fill): void {
  const { chance } = scene;
  const again = chance.chance(0.02) ? scene.pick(fill.announced) : null;
  const layer = again ?? (chance.chance(0.95) ? fill.layers[0] : scene.pick(fill.layers));
  if (layer === undefined || layer === null) return;
  fill.layers = fill.layers.filter((l) => l !== layer);
  fill.announced.push(layer);
  fill.over = fill.layers.length === 0;
  scene.say(`ready ${fill.handle} ${fill.name} ${layer} ${fill.value}`);
}

function copy(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  const layer = fill?.layers[0];
  if (fill !== null && layer !== undefined)
    scene.say(`copy ${fill.handle} ${fill.name} ${layer} ${fill.value}`);
}

function abandon(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  if (fill === null) return;
  fill.over = true;
  scene.say(`abandon ${fill.handle} ${fill.name}`);
}

function claim(scene: Scene): void {
  const { chance } = scene;
  const journey = journeyOf(scene);
  const engine = journey && called(scene, journey.engine, journey.space);
  if (!journey || !engine) return;
  const name = `c${++scene.names}`;
  const ticket = chance.chance(0.8) ? journey.ticket : '-';
  if (
    scene.code(
      `claim ${engine.handle} ${name} ${ticket} ${journey.chunks.map(({ key }) => key).join(',')}`,
    ) !== 0
  )
    return;
  scene.claims.push({ handle: engine.handle, name, count: journey.chunks.length });
}

function reading(
  scene: Scene,
  what: (handle: string, name: string, index: number) => string,
  last = false,
): void {
  const held = scene.claims.filter((claim) => {
    const engine = engineOf(scene, claim);
    return engine !== null && scene.alive(engine);
  });
  const claim = scene.pick(held);
  if (claim === null) return;
  if (last) scene.claims = scene.claims.filter((one) => one !== claim);
  scene.say(what(claim.handle, claim.name, scene.chance.whole(0, claim.count - 1)));
}

function asked(scene: Scene, what: (engine: Attachment, journey: Journey) => string): void {
  const journey = journeyOf(scene);
  const engine = journey && called(scene, journey.engine, journey.space);
  if (journey && engine) scene.say(what(engine, journey));
}

/** Engines come under a name of their own or under one that is taken, in a process of their own. */
export function attach(scene: Scene): void {
  const { chance } = scene;
  const node = chance.pick(scene.nodes);
  if (node.bus === null) return;
  const handle = `e${scene.attachments.length + 1}`;
  const name = `${chance.pick(['p', 'd', 'm'])}-${node.options.name}`;
  const space = chance.chance(0.85) ? 0 : 1;
  const geometry = chance.chance(0.98) ? space : chance.whole(0, 2);
  const pid = chance.chance(0.9) ? ++scene.pids : (scene.pick(scene.engines())?.engine.pid ?? ++scene.pids);
  if (scene.code(`attach ${handle} ${node.options.name} ${name} n${space} g${geometry} ${pid}`) !== 0) return;
  scene.attachments.push({
    handle,
    engine: scene.world.engine(handle),
    space,
    geometry,
    detached: false,
    hungUp: false,
  });
}

function leave(scene: Scene, how: 'hangup' | 'detach' | 'kill'): void {
  const engine = scene.pick(scene.attachments.filter((a) => !a.detached && (how !== 'hangup' || !a.hungUp)));
  if (engine === null) return;
  if (how === 'kill') {
    scene.say(`kill ${engine.engine.pid}`);
    return;
  }
  if (how === 'hangup' && !scene.alive(engine)) return;
  engine.hungUp = true;
  engine.detached = how === 'detach';
  scene.say(`${how} ${engine.handle}`);
}

const sideWith = (scene: Scene, number: number): '>' | '<' | null => {
  const connection = scene.world.connections[number - 1];
  const sides = (['>', '<'] as const).filter(
    (s) => (connection?.pending(s === '>' ? 'listener' : 'dialler') ?? 0) > 0,
  );
  return scene.pick(sides);
};

function carry(scene: Scene, what: string): void {
  const carrying = scene.world.connections.filter((c) => c.pending('listener') + c.pending('dialler') > 0);
  const connection = scene.pick(carrying);
  const side = connection && sideWith(scene, connection.id);
  if (connection && side !== null) scene.say(`${what} ${connection.id} ${side}`);
}

/** Much of what is on its way on one connection, both ways; `spoilt`: no run of it as it was sent. */
function flow(scene: Scene, spoilt: boolean): void {
  const connection = scene.pick(scene.world.connections.filter((c) => c.state === 'up' && !c.stalled));
  if (connection === null) return;
  for (let i = scene.chance.whole(2, 24); i > 0; i--) {
    const side = sideWith(scene, connection.id);
    if (side === null) return;
    if (spoilt && side === '>') scene.say(`spoil ${connection.id} >`);
    scene.say(`deliver ${connection.id} ${side}`);
  }
}

function dialling(scene: Scene): void {
  const connection = scene.pick(scene.world.connections.filter(({ state }) => state === 'dialling'));
  if (connection !== null) scene.say(`${scene.chance.chance(0.85) ? 'connect' : 'lose'} ${connection.id}`);
}

function lane(scene: Scene, what: (number: number) => string): void {
  const connection = scene.pick(scene.world.connections.filter(({ state }) => state === 'up'));
  if (connection !== null) scene.say(what(connection.id));
}

/** A lane breaks, perhaps with the service behind it, and is dialled again. */
function bounce(scene: Scene): void {
  const { chance } = scene;
  const carrying = scene.world.connections.filter((c) => c.state === 'up' && c.pending('listener') > 0);
  const connection = scene.pick(carrying);
  if (connection === null) return;
  const restart = chance.chance(0.3) && scene.world.node(connection.listener).bus !== null;
  if (restart) scene.say(`crash ${connection.listener}`);
  scene.say(`cut ${connection.id}`);
  if (restart) scene.say(`start ${connection.listener}`);
  scene.say(`advance ${chance.pick([50, 100])}`);
  for (const step of [dialling, flowing, flowing]) if (chance.chance(0.9)) step(scene);
}

function service(scene: Scene, what: 'crash' | 'close' | 'refuse' | 'list' | 'deaf' | 'hear'): void {
  const node = scene.pick(scene.nodes.filter(({ bus }) => bus !== null));
  if (node !== null) scene.say(`${what} ${node.options.name}`);
}

export function start(scene: Scene): void {
  const node = scene.pick(scene.nodes.filter(({ bus }) => bus === null));
  if (node !== null) scene.say(`start ${node.options.name}`);
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
  abandon: [1.5, abandon],
  poll: [4, (s) => { asked(s, ({ handle }, { ticket }) => `poll ${handle} ${ticket}`); }],
  forget: [1, (s) => { asked(s, ({ handle }, { ticket }) => `forget ${handle} ${ticket}`); }],
  lookup: [2, (s) => { asked(s, ({ handle }, { chunks }) => `lookup ${handle} ${chunks.map(({ key }) => key).join(',')}`); }],
  claim: [8, claim],
  scatter: [8, (s) => { reading(s, (handle, name, i) => `scatter ${handle} ${name} ${i}`); }],
  scattered: [2, (s) => { asked(s, ({ handle, geometry }, { ticket }) => `scattered ${handle} ${ticket} ${GEOMETRIES[geometry]?.layers ?? 0}`); }],
  release: [5, (s) => { reading(s, (handle, name) => `release ${handle} ${name}`, s.chance.chance(0.95)); }],
  corrupt: [1, (s) => { reading(s, (handle, name, i) => `corrupt ${handle} ${name} ${i}`); }],
  abort: [2, (s) => { order(s, ({ ticket }, node) => `abort ${node} ${ticket} ${s.chance.pick(REASONS)}`); }],
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
  attach: [3, attach],
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

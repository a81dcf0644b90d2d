// What engines do: come and go, and call as a connector does, mostly in its order.
import { GEOMETRIES } from './names.ts';
import { journeyOf } from './orders.ts';
import type { Attachment, Fill, Journey, Scene } from './scene.ts';

function called(scene: Scene, name: string, space: number): Attachment | null {
  const all = scene.engines();
  const right = all.filter(({ engine }) => engine.name === name);
  return scene.pick(
    right.length > 0 && scene.chance.chance(0.96) ? right : all.filter((a) => a.space === space),
  );
}

export function accept(scene: Scene, journey = journeyOf(scene)): void {
  const engine = journey && called(scene, journey.sourceEngine, journey.space);
  if (!journey || !engine) return;
  const tokens = journey.chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  const told = scene.chance.chance(0.97) ? tokens : tokens + 1;
  scene.say(
    `accept ${engine.handle} ${journey.ticket} ${told} ${journey.chunks.map(({ key }) => key).join(',')}`,
  );
}

export function begin(scene: Scene): void {
  const journey = journeyOf(scene);
  if (journey !== null) beginOne(scene, journey, scene.chance.whole(0, journey.chunks.length - 1));
}

/** All that a journey needs, one after the other; layers come later. */
export function prefill(scene: Scene): void {
  const journey = journeyOf(scene);
  if (journey === null) return;
  accept(scene, journey);
  for (let i = 0; i < journey.chunks.length; i++) beginOne(scene, journey, i);
}

/** All layers of the fills that are open, layer by layer. */
export function compute(scene: Scene): void {
  const fills = writing(scene).slice(-4);
  for (let layers = scene.chance.whole(1, 3); layers > 0; layers--) {
    for (const fill of fills) if (!fill.over) announce(scene, fill);
  }
}

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

export function ready(scene: Scene): void {
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

export function copy(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  const layer = fill?.layers[0];
  if (fill !== null && layer !== undefined)
    scene.say(`copy ${fill.handle} ${fill.name} ${layer} ${fill.value}`);
}

export function abandon(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  if (fill === null) return;
  fill.over = true;
  scene.say(`abandon ${fill.handle} ${fill.name}`);
}

export function claim(scene: Scene): void {
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
  if (!chance.chance(0.6)) return;
  for (let i = 0; i < journey.chunks.length; i++) scene.say(`scatter ${engine.handle} ${name} ${i}`);
}

export function reading(
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

export function asked(scene: Scene, what: (engine: Attachment, journey: Journey) => string): void {
  const journey = journeyOf(scene);
  const engine = journey && called(scene, journey.engine, journey.space);
  if (journey && engine) scene.say(what(engine, journey));
}

/** Engines come under a name of their own or under one that is taken, in a process of their own or in that of another engine;
 * `beside`: in that one's. */
export function attach(scene: Scene, beside: Attachment | null = null): void {
  const { chance } = scene;
  const node = beside?.engine.node ?? chance.pick(scene.nodes);
  if (node.bus === null) return;
  const handle = `e${scene.attachments.length + 1}`;
  const name = `${chance.pick(['p', 'd', 'm', 'x'])}-${node.options.name}`;
  const space = chance.chance(0.85) ? 0 : 1;
  const geometry = chance.chance(0.98) ? space : chance.whole(0, 2);
  const other =
    beside ?? (chance.chance(0.3) ? scene.pick(scene.attachments.filter((a) => scene.alive(a))) : null);
  const pid = other?.engine.pid ?? ++scene.pids;
  if (scene.code(`attach ${handle} ${node.options.name} ${name} n${space} g${geometry} ${pid}`) !== 0) return;
  const engine = scene.world.engine(handle);
  scene.attachments.push({ handle, engine, space, geometry, detached: false, hungUp: false });
}

/** An engine that is in the middle of a fill attaches once more. */
export function attachAgain(scene: Scene): void {
  const fill = scene.pick(writing(scene));
  if (fill !== null) attach(scene, engineOf(scene, fill));
}

export function leave(scene: Scene, how: 'hangup' | 'detach' | 'kill'): void {
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

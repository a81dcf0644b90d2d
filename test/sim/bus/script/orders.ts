// What routers and operators order of services: tickets opened, expected and ended, services that come and go.
import type { ScriptChunk } from './names.ts';
import { LEASES, type Journey, type Scene } from './scene.ts';

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

export function open(scene: Scene): void {
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

export function expectLater(scene: Scene): void {
  const journey = scene.pick(
    scene.journeys.filter((j) => j.epoch !== 0 && !j.expected && j.source !== j.target),
  );
  if (journey !== null) expect(scene, journey);
}

/** One of the latest that was granted, mostly. */
export function journeyOf(scene: Scene): Journey | null {
  const granted = scene.chance.chance(0.9)
    ? scene.journeys.filter(({ epoch }) => epoch !== 0)
    : scene.journeys;
  return scene.pick(scene.chance.chance(0.85) ? granted.slice(-3) : granted);
}

export function order(scene: Scene, what: (journey: Journey, node: string) => string): void {
  const journey = journeyOf(scene);
  if (journey !== null) scene.say(what(journey, scene.chance.pick([journey.source, journey.target])));
}

export function service(scene: Scene, what: 'crash' | 'close' | 'refuse' | 'list' | 'deaf' | 'hear'): void {
  const node = scene.pick(scene.nodes.filter(({ bus }) => bus !== null));
  if (node !== null) scene.say(`${what} ${node.options.name}`);
}

export function start(scene: Scene): void {
  const node = scene.pick(scene.nodes.filter(({ bus }) => bus === null));
  if (node !== null) scene.say(`start ${node.options.name}`);
}

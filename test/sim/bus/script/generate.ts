// Seeded random scripts. Each script has its own taste: some actions are rare in it, some frequent, so that different scripts reach
// different corners. In the end everything is let go of and must be at rest.
import { ACTIONS } from './actions.ts';
import { attach } from './calls.ts';
import { LEASE_MOST, REDIAL_MOST, Scene } from './scene.ts';

export interface Script {
  seed: number;
  lines: readonly string[];
  /** What each line led to over the model. */
  outputs: readonly (readonly string[])[];
  /** Where the model itself breaks an invariant. */
  broken: string | null;
}

/** Without these a script stands still. */
const ALWAYS = new Set([
  'open',
  'prefill',
  'compute',
  'ready',
  'deliver',
  'flow',
  'dialling',
  'start',
  'attach',
]);
const TASTES = [0, 0.3, 1, 1, 1, 3];

export function generate(seed: number): Script {
  const scene = new Scene(seed);
  begin(scene);
  const { chance } = scene;
  const weighted = Object.entries(ACTIONS).map(([name, [weight, action]]) => {
    const taste = chance.pick(TASTES);
    return { weight: weight * (ALWAYS.has(name) ? Math.max(taste, 0.5) : taste), action };
  });
  const sum = weighted.reduce((total, { weight }) => total + weight, 0);
  const enough = chance.whole(80, 240);
  for (let tries = 0; tries < 4 * enough && scene.lines.length < enough; tries++) {
    let at = chance.unit() * sum;
    weighted.find(({ weight }) => (at -= weight) < 0)?.action(scene);
    if (scene.world.broken !== null) break;
  }
  rest(scene);
  return { seed, lines: scene.lines, outputs: scene.outputs, broken: scene.world.broken };
}

function begin(scene: Scene): void {
  const { chance } = scene;
  scene.say(`window ${chance.pick([1, 2, 4, 1024])}`);
  for (const [i, name] of ['a', 'b', 'c'].slice(0, chance.pick([2, 2, 2, 3])).entries()) {
    const kib = chance.pick([64, 256, 512, 512]);
    const slots = chance.pick([7, 24, 64, 64]);
    const share = chance.pick([50, 100, 100]);
    scene.say(`node ${name} ${i + 1} ${slots} ${kib} ${share} ${chance.pick([200, 400, 2000])} 100`);
  }
  for (let i = 0; i < 4; i++) attach(scene);
}

function carryAll(scene: Scene): void {
  for (let round = 0; round < 400; round++) {
    const dialling = scene.world.connections.find(({ state }) => state === 'dialling');
    const carrying = scene.world.connections.find((c) => c.pending('listener') + c.pending('dialler') > 0);
    if (dialling !== undefined) scene.say(`connect ${dialling.id}`);
    else if (carrying !== undefined)
      scene.say(`deliver ${carrying.id} ${carrying.pending('listener') > 0 ? '>' : '<'}`);
    else return;
  }
}

/** Everybody hears again, everything arrives, leases end, engines go. */
function rest(scene: Scene): void {
  for (const { options, bus } of scene.nodes) {
    scene.say(`hear ${options.name}`);
    if (bus === null) scene.say(`start ${options.name}`);
  }
  for (const { id, state } of scene.world.connections) {
    if (state === 'ended') continue;
    for (const what of [`resume ${id}`, `flush ${id} >`, `flush ${id} <`]) scene.say(what);
  }
  carryAll(scene);
  scene.say(`advance ${LEASE_MOST}`);
  carryAll(scene);
  for (const { name, handle } of scene.claims) scene.say(`release ${handle} ${name}`);
  for (const engine of scene.attachments) {
    if (!engine.detached) scene.say(`detach ${engine.handle}`);
    if (!scene.world.dead.has(engine.engine.pid)) scene.say(`kill ${engine.engine.pid}`);
  }
  scene.say(`advance ${2 * REDIAL_MOST}`);
  carryAll(scene);
  scene.say('advance 300');
  for (const { options } of scene.nodes) scene.say(`list ${options.name}`);
  scene.atRest();
}

// What the network does to lanes.
import type { Scene } from './scene.ts';

const sideWith = (scene: Scene, number: number): '>' | '<' | null => {
  const connection = scene.world.connections[number - 1];
  const sides = (['>', '<'] as const).filter(
    (s) => (connection?.pending(s === '>' ? 'listener' : 'dialler') ?? 0) > 0,
  );
  return scene.pick(sides);
};

export function carry(scene: Scene, what: string): void {
  const carrying = scene.world.connections.filter((c) => c.pending('listener') + c.pending('dialler') > 0);
  const connection = scene.pick(carrying);
  const side = connection && sideWith(scene, connection.id);
  if (connection && side !== null) scene.say(`${what} ${connection.id} ${side}`);
}

/** Much of what is on its way on one connection, both ways; `spoilt`: no run of it as it was sent. */
export function flow(scene: Scene, spoilt: boolean): void {
  const connection = scene.pick(scene.world.connections.filter((c) => c.state === 'up' && !c.stalled));
  if (connection === null) return;
  for (let i = scene.chance.whole(2, 24); i > 0; i--) {
    const side = sideWith(scene, connection.id);
    if (side === null) return;
    if (spoilt && side === '>') scene.say(`spoil ${connection.id} >`);
    scene.say(`deliver ${connection.id} ${side}`);
  }
}

export function dialling(scene: Scene): void {
  const connection = scene.pick(scene.world.connections.filter(({ state }) => state === 'dialling'));
  if (connection !== null) scene.say(`${scene.chance.chance(0.85) ? 'connect' : 'lose'} ${connection.id}`);
}

export function lane(scene: Scene, what: (number: number) => string): void {
  const connection = scene.pick(scene.world.connections.filter(({ state }) => state === 'up'));
  if (connection !== null) scene.say(what(connection.id));
}

/** A lane breaks, perhaps with the service behind it, and is dialled again. */
export function bounce(scene: Scene): void {
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

export function flowing(scene: Scene): void {
  flow(scene, false);
}

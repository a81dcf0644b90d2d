// The bugs planted in the shipped C++ (native/src/base/planted.h), each in a run of its own: which seed finds it. Fails if one is not found
// within its bound.
import { difference } from './compare.ts';
import { generate, type Script } from './generate.ts';
import { NativeDriver } from './native.ts';

interface Bug {
  name: string;
  hazard: string;
  bound: number; // seeds within which it must be found
}

export const BUGS: readonly Bug[] = [
  {
    name: 'early-reuse',
    hazard: 'an abandoned slot is used again while its engine may still write it',
    bound: 200,
  },
  {
    name: 'freed-pinned',
    hazard: 'a corrupt chunk is freed under its readers, and once more by them',
    bound: 200,
  },
  {
    name: 'old-header',
    hazard: "two fills mixed: a fill finds bits and digests of the slot's earlier one",
    bound: 200,
  },
  { name: 'takeover-reuse', hazard: 'a restarted service frees what engines may still write', bound: 200 },
  { name: 'any-life', hazard: "a word about an earlier life's slots frees those of this one", bound: 200 },
  { name: 'early-seal', hazard: 'a chunk is sealed before its last layer', bound: 200 },
  { name: 'one-ack', hazard: "one run's acknowledgement taken for all of the chunk", bound: 200 },
  { name: 'credit-leak', hazard: 'runs lost with a lane count as in flight for ever', bound: 200 },
  { name: 'lane-reads', hazard: 'slots released while a lane still reads them', bound: 200 },
  {
    name: 'any-incarnation',
    hazard: 'a stale incarnation is accepted when a lane is dialled again',
    bound: 200,
  },
  { name: 'any-epoch', hazard: 'a run of another reservation lands in this one', bound: 200 },
  {
    name: 'lost-progress',
    hazard: "a ticket's newer state is lost behind the one not yet drained",
    bound: 200,
  },
  { name: 'lost-wake', hazard: 'news that nobody is woken for', bound: 200 },
  { name: 'late-lease', hazard: 'a lease that is not ended at its deadline', bound: 200 },
  { name: 'unchecked', hazard: 'digests not checked on landing', bound: 200 },
];

const scripts: Script[] = [];
const scriptOf = (seed: number): Script => (scripts[seed] ??= generate(seed));

/** The first seed whose script tells the driver from the model; null: none up to the bound. */
async function findingSeed(path: string, bug: string | null, bound: number): Promise<number | null> {
  const driver = new NativeDriver(path, bug === null ? [] : [bug]);
  try {
    for (let seed = 1; seed <= bound; seed++) {
      const script = scriptOf(seed);
      if (difference(script, await driver.run(script)) !== null) return seed;
    }
    return null;
  } finally {
    await driver.close();
  }
}

export async function planted(path: string): Promise<number> {
  let failed = 0;
  const row = (name: string, seen: string, bound: string, hazard: string): void => {
    console.log(`${name.padEnd(16)} ${seen.padEnd(10)} ${bound.padEnd(6)} ${hazard}`);
  };
  row('switch', 'found by', 'bound', 'hazard');
  for (const { name, hazard, bound } of BUGS) {
    const seed = await findingSeed(path, name, bound);
    if (seed === null) failed++;
    row(name, seed === null ? 'NOT FOUND' : `seed ${seed}`, String(bound), hazard);
  }
  // What finds bugs finds none where there is none.
  const bound = Math.max(...BUGS.map((bug) => bug.bound));
  const seed = await findingSeed(path, null, bound);
  if (seed !== null) failed++;
  row(
    '(none)',
    seed === null ? 'nothing' : `seed ${seed}`,
    String(bound),
    'the same build without a bug put in',
  );
  console.log(`${BUGS.length + 1 - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

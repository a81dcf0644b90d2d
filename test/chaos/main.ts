// npm run chaos: random kills, stops and cuts of every process and connection under more load than there is capacity, and nothing may
// hang, lie or leak.
//   npm run chaos -- [--minutes 20] [--seed S]
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { seededRandom } from '#core/random.ts';
import { untilIdle } from '../support/resources.ts';
import { startArena } from './deployment.ts';
import { Inflictor } from './inflict.ts';
import { Load } from './load.ts';
import { MemoryWatch } from './memory.ts';
import { scheduleOf, told } from './schedule.ts';

const CALM_BEFORE_MS = 15_000;
const CALM_AFTER_MS = 20_000;
const SAMPLE_MS = 5000;
const PROBES = 20;
const SHOWN = 30;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? randomInt(2 ** 31));
console.log(`chaos: ${minutes} minutes, replay: npm run chaos -- --minutes ${minutes} --seed ${seed}`);

const violations: string[] = [];
const violation = (text: string): void => {
  violations.push(text);
  if (violations.length <= SHOWN) console.log(`VIOLATION ${text}`);
};

const arena = await startArena();
let rest = NaN;
try {
  const schedule = scheduleOf(
    seededRandom(seed),
    arena.targets,
    CALM_BEFORE_MS,
    minutes * 60_000 - CALM_AFTER_MS,
  );
  const inflictor = new Inflictor(arena, violation);
  const load = new Load(arena, inflictor, violation);
  const memory = new MemoryWatch(arena.cluster);
  const start = performance.now();
  const clock = (): string => `${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s`;
  const sampling = setInterval(() => { memory.sample(); }, SAMPLE_MS); // prettier-ignore
  await Promise.all([
    load.run(seededRandom(seed + 1), minutes * 60),
    inflictor.run(schedule, (blow) => { console.log(`${clock()}  ${told(blow)}`); }), // prettier-ignore
  ]);
  clearInterval(sampling);
  arena.heal();
  const calm = performance.now();
  await untilIdle(arena.cluster).catch((error: unknown) => {
    violation(`not at rest: ${error instanceof Error ? error.message : ''}`);
  });
  rest = Math.round(performance.now() - calm);
  const before = load.outcomes.get('right') ?? 0;
  const random = seededRandom(seed + 2);
  for (let i = 0; i < PROBES; i++)
    await load.ask(
      {
        id: `probe-${i}`,
        tokens: Uint32Array.from(random.bytes(600), (byte) => byte % 250),
        answerTokens: 8,
      },
      i % 2 === 0,
    );
  const probes = (load.outcomes.get('right') ?? 0) - before;
  if (probes < PROBES) violation(`${PROBES - probes} of ${PROBES} requests fail after everything is over`);
  report(load, inflictor, memory, probes);
} finally {
  await arena.close();
}
process.exit(violations.length === 0 ? 0 : 1);

function report(load: Load, inflictor: Inflictor, memory: MemoryWatch, probes: number): void {
  const counted = (counts: ReadonlyMap<string, number>): [string, number][] => [...counts].sort(([, a], [, b]) => b - a);
  console.log(`\n| outcome | requests |\n|---|---|`);
  for (const [name, count] of counted(load.outcomes)) console.log(`| ${name} | ${count} |`);
  const took = [...load.took].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(took[Math.floor(share * took.length)] ?? NaN);
  console.log(`\nended after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1 - 1e-9)} ms; at rest after ${rest} ms`);
  const lives = memory.lives();
  console.log(`\n| process | life, s | MiB after warm-up | MiB at its end | MiB/min |\n|---|---|---|---|---|`);
  for (const { name, seconds, fromMiB, toMiB, slope, flat } of lives) {
    console.log(`| ${name} | ${seconds} | ${fromMiB} | ${toMiB} | ${slope} |`);
    if (!flat) violation(`${name} grows by ${slope} MiB a minute`);
  }
  const faults = [...inflictor.counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(`\n${JSON.stringify({
    minutes, seed, requests: load.asked, right: load.outcomes.get('right') ?? 0, wrong: load.wrong, unended: load.unended, faults,
    ...Object.fromEntries(inflictor.counts), rest_ms: rest, probes_right: probes, lives: lives.length,
    slope_max_mib_per_min: Math.max(0, ...lives.map(({ slope }) => slope)), violations: violations.length,
  })}`);
} // prettier-ignore

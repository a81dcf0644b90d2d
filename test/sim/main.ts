// npm run sim -- --seeds N --from S [--fresh N] | --seed N [--plant NAME] | --planted [--from S] [--write]
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Planted } from '#core/planted.ts';
import { planted } from '#planted';
import { COVERAGE_SEEDS_MIN, missing } from './coverage.ts';
import { findPlanted } from './planted/find.ts';
import { plant } from './planted/switches.ts';
import { BUGS } from './planted/table.ts';
import { Pool } from './pool.ts';
import { runSeed, type RunResult } from './run.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    /** So many more, from a start that nobody has chosen. */
    fresh: { type: 'string', default: '0' },
    seed: { type: 'string' },
    /** A planted bug at work: needs `node --conditions=planted`. */
    plant: { type: 'string' },
    planted: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

async function one(seed: number): Promise<number> {
  const started = performance.now();
  if (values.plant !== undefined) plantOne(values.plant);
  const result = await runSeed(seed);
  console.log(result.log.join('\n'));
  for (const text of result.violations) console.log(`violation: ${text}`);
  last(1, seed, result.violations.length, result.requests, result.faults, started);
  return result.violations.length > 0 ? 1 : 0;
}

function plantOne(name: string): void {
  if (!Object.hasOwn(BUGS, name))
    throw new Error(`--plant ${name}: is none of ${Object.keys(BUGS).join(', ')}`);
  const bug = name as Planted;
  plant(bug);
  if (!planted(bug)) throw new Error('--plant: start this with node --conditions=planted test/sim/main.ts');
}

async function several(count: number, from: number, fresh: number): Promise<number> {
  const started = performance.now();
  const freshFrom = randomInt(1_000_000, 2 ** 31);
  if (fresh > 0) console.log(`${fresh} fresh seeds from ${freshFrom}`);
  const seeds = [...range(count, from), ...range(fresh, freshFrom)];
  const failing = new Set<number>();
  const told = ({ seed, violations }: RunResult): boolean => {
    if (violations.length > 0) failing.add(seed);
    for (const text of violations) console.log(`seed ${seed}: ${text}\n  replay: npm run sim -- --seed ${seed}`);
    return false;
  }; // prettier-ignore
  const pool = new Pool();
  const many = await pool.run(seeds, told).finally(() => { pool.close(); }); // prettier-ignore
  for (const [what, n] of [...many.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${what.padEnd(40)} ${n}`);
  const few = seeds.length < COVERAGE_SEEDS_MIN;
  const never = missing(many.counts);
  for (const what of never) console.log(`never occurred${few ? ', in so few seeds' : ''}: ${what}`);
  const absent = few ? [] : never;
  counted(seeds.length - failing.size, failing.size + absent.length);
  last(seeds.length, from, many.violations.length, many.requests, many.faults, started);
  return failing.size + absent.length > 0 ? 1 : 0;
}

async function findAll(from: number): Promise<number> {
  const { found, missed } = await findPlanted(from, values.write);
  counted(found, missed);
  return missed > 0 ? 1 : 0;
}

const range = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i);

/** For scripts/run.mjs, which adds them up. */
function counted(passed: number, failed: number): void {
  console.log(`${passed} passed, ${failed} failed`);
}

function last(
  seeds: number,
  from: number,
  violations: number,
  requests: number,
  faults: number,
  started: number,
): void {
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  console.log(JSON.stringify({ seeds, from, violations, requests, faults, seconds }));
}

if (values.seed !== undefined) process.exitCode = await one(Number(values.seed));
else if (values.planted) process.exitCode = await findAll(Number(values.from));
else process.exitCode = await several(Number(values.seeds), Number(values.from), Number(values.fresh));

// npm run sim -- --seeds N --from S | --seed N | --planted
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { COVERAGE_SEEDS_MIN, missing } from './coverage.ts';
import { runSeed, type RunResult } from './run.ts';
import type { Task } from './worker.ts';

const WORKERS = 2;
const TWICE_EVERY = 25;

export interface Many {
  violations: { seed: number; text: string }[];
  requests: number;
  faults: number;
  counts: Map<string, number>;
}

/** Runs seeds in two processes; `until` may end it early. */
export function runMany(
  seeds: readonly number[],
  until: (result: RunResult) => boolean,
  execArgv: readonly string[] = process.execArgv,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Many> {
  const many: Many = { violations: [], requests: 0, faults: 0, counts: new Map() };
  let next = 0;
  let over = false;
  const workers: Promise<void>[] = [];
  const feed = (child: ChildProcess): void => {
    const seed = seeds[next++];
    if (seed === undefined || over) child.disconnect();
    else child.send({ seed, twice: seed % TWICE_EVERY === 0 } satisfies Task);
  };
  for (let i = 0; i < Math.min(WORKERS, seeds.length); i++) {
    const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [...execArgv], env });
    workers.push(
      new Promise((resolve, reject) => {
        child.on('message', (result: RunResult) => {
          many.requests += result.requests;
          many.faults += result.faults;
          for (const [what, n] of Object.entries(result.counts))
            many.counts.set(what, (many.counts.get(what) ?? 0) + n);
          for (const text of result.violations) many.violations.push({ seed: result.seed, text });
          over ||= until(result);
          feed(child);
        });
        child.on('exit', (code) => {
          if (code === 0) resolve();
          else reject(new Error(`a worker of the simulation ended with code ${String(code)}`));
        });
      }),
    );
    feed(child);
  }
  return Promise.all(workers).then(() => many);
}

async function one(seed: number): Promise<number> {
  const started = performance.now();
  const result = await runSeed(seed);
  console.log(result.log.join('\n'));
  for (const text of result.violations) console.log(`violation: ${text}`);
  last(1, seed, result.violations.length, result.requests, result.faults, started);
  return result.violations.length > 0 ? 1 : 0;
}

async function several(count: number, from: number): Promise<number> {
  const started = performance.now();
  const seeds = Array.from({ length: count }, (_, i) => from + i);
  const many = await runMany(seeds, (result) => {
    for (const text of result.violations)
      console.log(`seed ${result.seed}: ${text}\n  replay: npm run sim -- --seed ${result.seed}`);
    return false;
  });
  for (const [what, n] of [...many.counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    console.log(`${what.padEnd(40)} ${n}`);
  const absent = count >= COVERAGE_SEEDS_MIN ? missing(many.counts) : [];
  for (const what of absent) console.log(`never occurred: ${what}`);
  last(count, from, many.violations.length, many.requests, many.faults, started);
  return many.violations.length > 0 || absent.length > 0 ? 1 : 0;
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

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      planted: { type: 'boolean', default: false },
    },
  });
  if (values.seed !== undefined) return one(Number(values.seed));
  return several(Number(values.seeds), Number(values.from));
}

process.exitCode = await main();

// Two processes that run seeds, as many as they are given.
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Planted } from '#core/planted.ts';
import type { RunResult } from './run.ts';
import type { Task } from './worker.ts';

const WORKERS = 2;
const TWICE_EVERY = 25;
/** One seed, real time: far more than any takes. */
const SEED_MS = 600_000;

export interface Violation {
  seed: number;
  text: string;
}

export interface Many {
  seeds: number;
  violations: Violation[];
  requests: number;
  faults: number;
  counts: Map<string, number>;
}

export class Pool {
  readonly #workers: ChildProcess[];

  constructor(conditions: readonly string[] = []) {
    const execArgv = [...process.execArgv, ...conditions.map((condition) => `--conditions=${condition}`)];
    this.#workers = Array.from({ length: WORKERS }, () =>
      fork(join(import.meta.dirname, 'worker.ts'), { execArgv }),
    );
  }

  /** Runs seeds in their order; `until` may end it early: what has begun is still run to its end. */
  async run(
    seeds: readonly number[],
    until: (result: RunResult) => boolean,
    planted: Planted | null = null,
  ): Promise<Many> {
    const many: Many = { seeds: 0, violations: [], requests: 0, faults: 0, counts: new Map() };
    let next = 0;
    let over = false;
    const serve = async (worker: ChildProcess): Promise<void> => {
      for (let seed = seeds[next++]; seed !== undefined && !over; seed = seeds[next++]) {
        const result = await ask(worker, { seed, twice: seed % TWICE_EVERY === 0, planted });
        add(many, result);
        over ||= until(result);
      }
    };
    await Promise.all(this.#workers.map(serve));
    return many;
  }

  close(): void {
    for (const worker of this.#workers) if (worker.connected) worker.disconnect();
  }
}

function ask(worker: ChildProcess, task: Task): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const failed = (why: string): void => {
      reject(new Error(`seed ${task.seed}: a worker of the simulation ${why}`));
    };
    const ended = (code: number | null, signal: string | null): void => {
      failed(`ended with ${signal ?? `code ${String(code)}`}`);
    };
    const timer = setTimeout(() => {
      failed('does not answer');
      worker.kill();
    }, SEED_MS);
    worker.once('exit', ended);
    worker.once('message', (result: RunResult) => {
      clearTimeout(timer);
      worker.off('exit', ended);
      resolve(result);
    });
    worker.send(task);
  });
}

function add(many: Many, { seed, requests, faults, counts, violations }: RunResult): void {
  many.seeds++;
  many.requests += requests;
  many.faults += faults;
  for (const [what, n] of Object.entries(counts)) many.counts.set(what, (many.counts.get(what) ?? 0) + n);
  for (const text of violations) many.violations.push({ seed, text });
}

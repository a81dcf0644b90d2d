// A child of pool.ts: runs the seeds it is given, one after the other.
import type { Planted } from '#core/planted.ts';
import { plant } from './planted/switches.ts';
import { runSeed, type RunResult } from './run.ts';

export interface Task {
  seed: number;
  /** Run it twice and compare the logs. */
  twice: boolean;
  /** Takes effect in processes with `--conditions=planted` only. */
  planted: Planted | null;
}

process.on('message', (task: Task) => {
  void work(task).then((result) => process.send?.(result));
});

async function work({ seed, twice, planted }: Task): Promise<RunResult> {
  const stray: string[] = [];
  const note = (error: unknown): void => {
    stray.push(
      `a promise was rejected and nobody heard: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
    );
  };
  process.on('unhandledRejection', note);
  plant(planted);
  const result = await runSeed(seed);
  if (twice && result.violations.length === 0) {
    const again = await runSeed(seed);
    if (again.digest !== result.digest) {
      const at = result.log.findIndex((line, i) => again.log[i] !== line);
      result.violations.push(
        `not the same run twice (invariant 8): line ${at}: "${result.log[at] ?? ''}" and "${again.log[at] ?? ''}"`,
      );
    }
  }
  process.off('unhandledRejection', note);
  result.violations.push(...stray);
  return { ...result, log: [] };
}

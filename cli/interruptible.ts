// A run from its start to its end: SIGINT or SIGTERM ends it at any time, and nothing it has started is left.
import { constants } from 'node:os';

/** What the run has started. */
interface Stage {
  stop(): Promise<void>;
}

/** Starts, uses until `use` is done or the run is interrupted (then `ended` resolves), stops. */
export async function interruptible<T extends Stage>(
  verdict: boolean,
  start: (signal: AbortSignal) => Promise<T>,
  use: (stage: T, ended: Promise<void>) => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  let running = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Ending it is how a demo ends; before that, or instead of a verdict, it is an interruption.
      if (!running || verdict) process.exitCode ??= 128 + constants.signals[signal];
      ending.abort();
    });
  }
  try {
    const stage = await start(ending.signal);
    const ended = new Promise<void>((resolve) => {
      if (ending.signal.aborted) resolve();
      else ending.signal.addEventListener('abort', () => { resolve(); }); // prettier-ignore
    });
    running = true;
    try {
      await Promise.race([use(stage, ended), ended]);
    } finally {
      await stage.stop();
    }
  } catch (error) {
    // What an interruption broke off is no failure.
    if (!ending.signal.aborted) throw error;
  }
}

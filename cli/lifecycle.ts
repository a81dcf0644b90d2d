// What every long-running command shares: the ready line on stdout, signals, and the end.
import { BatonError } from '#core/errors.ts';

export interface Running {
  /** Stop admission, finish what runs, within the configured bound. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Prints one JSON line on stdout: whoever started the process learns its addresses from it. */
export function announceReady(fields: object): void {
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, ...fields })}\n`);
}

/** Runs until SIGTERM or SIGINT (drain, then close); a second signal ends at once. */
export function runUntilSignal(running: Running, watchStdin: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) process.exit(130);
      stopping = true;
      running
        .drain()
        .then(() => running.close())
        .then(resolve, reject);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    if (watchStdin) {
      process.stdin.resume();
      process.stdin.once('end', stop);
      process.stdin.once('error', stop);
    }
  });
}

/** One line that says what is wrong and what to do; never a stack trace for an error of the table. */
export function fail(error: unknown): never {
  const known = error instanceof BatonError ? error : null;
  process.stderr.write(
    `baton: ${known?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`,
  );
  process.exit(known?.code === 'bad_config' ? 2 : 1);
}

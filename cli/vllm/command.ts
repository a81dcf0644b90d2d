// One command of an installation, in a process group of its own: when it is not wanted any more, its helpers (uv, pip, a
// converting Python) end with it before this returns.
import { spawn } from 'node:child_process';
import { BatonError } from '#core/errors.ts';

/** A script in the middle of a synchronous step takes the signal for that step only; it is asked again. */
const AGAIN_MS = 500;
const TAIL_CHARACTERS = 4000;

export interface CommandOptions {
  /** Where its temporary files go: whoever removes this folder leaves nothing behind. */
  temporary: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Lines of its stderr as they come. */
  onLine?: ((line: string) => void) | undefined;
}

/** @returns its stdout; `missing_dependency` with the end of its stderr when it fails. */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<string> {
  const { signal, onLine, cwd } = options;
  signal?.throwIfAborted();
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
    env: { ...process.env, TMPDIR: options.temporary, ...options.env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-TAIL_CHARACTERS);
    for (const line of text.split('\n')) if (line !== '') onLine?.(line);
  });
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // The group has ended meanwhile.
    }
  };
  let again: NodeJS.Timeout | undefined;
  const stop = (): void => {
    end();
    again = setInterval(end, AGAIN_MS);
  };
  signal?.addEventListener('abort', stop);
  // Closed: nobody of the group holds its pipes any more.
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => {
      reject(new BatonError('missing_dependency', `${program} could not be started (${error.message})`));
    });
    child.once('close', resolve);
  }).finally(() => {
    signal?.removeEventListener('abort', stop);
    clearInterval(again);
  });
  signal?.throwIfAborted();
  if (code !== 0)
    throw new BatonError('missing_dependency', stderr.trimEnd() || `${program} ended with ${code}`);
  return stdout;
}

// The driver over the real bus as a child process: scripts in, what each line led to out.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Script } from './generate.ts';

/** A script's whole outcome, as the driver over the real bus tells it. */
export const outcomeOf = ({ outputs }: Script): string =>
  outputs.map((lines, i) => [`# ${i + 1}`, ...lines].join('\n')).join('\n');

const SILENCE_MS = 60_000;
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const KEPT = 20_000; // characters of what it says to standard error

export class NativeDriver {
  readonly #child: ChildProcessWithoutNullStreams;
  #out = '';
  #errors = '';
  #waiting: ((outcome: string | null) => void) | null = null;
  #silence: NodeJS.Timeout | null = null;
  #over = false;
  readonly #closed = Promise.withResolvers<boolean>();

  constructor(path: string, args: readonly string[] = []) {
    const folder = mkdtempSync(join(MEMORY, 'baton-script-'));
    this.#child = spawn(path, [folder, ...args], { stdio: 'pipe' });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
      this.#check();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-KEPT);
    });
    this.#child.stdin.on('error', () => undefined); // it died: 'close' tells
    this.#child.on('error', (error) => {
      this.#errors += error.message;
      this.#end();
    });
    this.#child.on('close', (code) => {
      rmSync(folder, { recursive: true, force: true });
      this.#end();
      this.#closed.resolve(code === 0);
    });
  }

  /** What it said as it died. */
  get errors(): string {
    return this.#errors;
  }

  /** The script's outcome over the real bus; null when the driver died or hangs. */
  run({ lines }: Script): Promise<string | null> {
    return new Promise((resolve) => {
      if (this.#over) {
        resolve(null);
        return;
      }
      this.#out = '';
      this.#waiting = resolve;
      this.#silence = setTimeout(() => {
        this.#errors += `the driver said nothing for ${SILENCE_MS / 1000} s`;
        this.#child.kill('SIGKILL');
      }, SILENCE_MS);
      this.#child.stdin.write(`script\n${lines.join('\n')}\ndone\n`);
    });
  }

  /** Lets it end; false: it ended badly, or had done so already. */
  close(): Promise<boolean> {
    this.#child.stdin.end();
    return this.#closed.promise;
  }

  #check(): void {
    const end = '\ndone\n';
    if (this.#waiting === null || !this.#out.endsWith(end)) return;
    this.#answer(this.#out.slice(0, -end.length));
  }

  #end(): void {
    this.#over = true;
    this.#answer(null);
  }

  #answer(outcome: string | null): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.(outcome);
  }
}

// A Baton process as a child: started with a configuration of its own, known by its ready line, ended by pid.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BatonError } from '#core/errors.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface ChildOptions {
  command: 'router' | 'transfer' | 'engine';
  configFile: string;
  env: Record<string, string>;
  /** Bound of the start. */
  readyMs: number;
  /** Ends the start: the child is killed. */
  signal?: AbortSignal;
  /** Receives the child's stderr, line by line. */
  onLog: (line: string) => void;
  /** Takes its stderr in place of `onLog`. */
  logFile?: string;
}

export interface Child {
  pid: number;
  /** Until its end is known here. */
  readonly alive: boolean;
  /** Fields of the ready line. */
  ready: Record<string, unknown>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
}

/** Starts one process and waits for its ready line; `start_failed` with its last words otherwise, once it is gone. */
export async function startChild(options: ChildOptions): Promise<Child> {
  options.signal?.throwIfAborted();
  const log = options.logFile === undefined ? null : openSync(options.logFile, 'a');
  const child = spawn(
    process.execPath,
    [MAIN, options.command, '--config', options.configFile, '--watch-stdin'],
    {
      stdio: ['pipe', 'pipe', log ?? 'pipe'],
      env: { ...process.env, ...options.env },
    },
  );
  if (log !== null) closeSync(log);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    // Closed: its last words have been read too.
    child.once('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const lastWords: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastWords.push(line);
      if (lastWords.length > 10) lastWords.shift();
      options.onLog(line);
    });
  }
  const ready = await readyLine(child, exited, options, lastWords);
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    ready,
    exited,
    get alive() {
      return alive();
    },
    signal: (signal) => {
      child.kill(signal);
    },
    async stop(graceMs) {
      if (!alive()) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function readyLine(
  child: ChildProcess,
  exited: Promise<unknown>,
  options: ChildOptions,
  lastWords: readonly string[],
): Promise<Record<string, unknown>> {
  const { command, readyMs, signal } = options;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    };
    const refuse = (why: string): void => {
      end();
      reject(
        new BatonError('start_failed', `baton ${command} ${why}: ${lastWords.join(' | ') || 'no output'}`),
      );
    };
    let why = 'ended before it was ready';
    const kill = (because: string): void => {
      why = because;
      child.kill('SIGKILL');
    };
    const stop = (): void => {
      kill('was not wanted any more');
    };
    signal?.addEventListener('abort', stop);
    const timer = setTimeout(() => {
      kill(`was not ready within ${readyMs} ms`);
    }, readyMs);
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        end();
        if (line.startsWith('{')) resolve(JSON.parse(line) as Record<string, unknown>);
      });
    }
    child.once('error', (error) => {
      refuse(`could not be started (${error.message})`);
    });
    void exited.then(() => {
      refuse(why);
    });
  });
}

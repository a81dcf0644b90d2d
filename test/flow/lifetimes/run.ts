// Runs a child script of this folder and says how it ended. A child that hangs is killed, which shows as its signal.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBus } from './world.ts';

export { leftovers } from './world.ts';

export interface Ended {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** A case of a script, in a folder of its own for sockets and arenas. */
export async function runCase(script: string, name: string, directory: string): Promise<Ended> {
  const file = join(import.meta.dirname, script);
  const child = spawn(process.execPath, ['--expose-gc', file, name, directory], { timeout: 40_000, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] }); // prettier-ignore
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text.stdout += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (text.stderr += piece));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code, signal, ...text });
    });
  });
}

/** A folder for one test; `end` removes it. */
export function folder(): { path: string; end: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'baton-lifetimes-'));
  return { path, end: () => { rmSync(path, { recursive: true, force: true }); } }; // prettier-ignore
}

/** What a new bus on the arena of an old one still finds pinned or unfinished. */
export function heldAfter(directory: string, node: string): number[] {
  const bus = startBus(directory, node);
  const counters = bus.counters();
  bus.close();
  return ['arena_pins', 'arena_quiescing', 'arena_bytes_pinned', 'tickets_live'].map((name) => counters[name] ?? NaN); // prettier-ignore
}

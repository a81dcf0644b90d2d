// The demo as whoever starts it sees it: a file tells when it is ready, with addresses and pids, and a signal ends it, running or
// still starting, so that no process, socket, shared memory or temporary folder is left.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/ready.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const BOUND_MS = 120_000;

interface About {
  name: string;
  role: string;
  node: string;
  url: string;
  pid: number;
}

interface Ready {
  router: string;
  admin: string;
  router_pid: number;
  engines: About[];
  services: (About & { admin: string })[];
  alone: string;
  alone_pid: number;
  pid: number;
}

let folder = ''; // the demo's own TMPDIR
let demo: ChildProcess;
let ended: Promise<unknown[]>;
let stderr = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'baton-demo-test-'));
});
afterEach(() => {
  demo.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(...flags: string[]): void {
  stderr = '';
  demo = spawn(process.execPath, [MAIN, 'demo', ...flags], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  demo.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  ended = once(demo, 'close');
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | null {
  try {
    return Number(/^\d+ \(.*\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  } catch {
    return null; // it ended meanwhile
  }
}

/** The deployment's folder; its name's last part names the arenas too. */
const deployment = (): string | undefined => readdirSync(folder).find((entry) => entry.startsWith('baton-'));

function arenas(): string[] {
  const tag = deployment()?.slice('baton-'.length) ?? 'none';
  return readdirSync('/dev/shm').filter((entry) => entry.startsWith(`baton-${tag}-`));
}

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** Sends the signal and expects the exit code, and nothing left. */
async function endsBy(signal: NodeJS.Signals, code: number): Promise<void> {
  const shared = join('/dev/shm', `baton-${deployment()?.slice('baton-'.length) ?? ''}-`);
  const children = childrenOf(demo.pid ?? 0);
  expect(children.length).toBeGreaterThan(0);
  const sent = performance.now();
  demo.kill(signal);
  expect(await ended).toEqual([code, null]);
  console.log(`${signal}: ended after ${Math.round(performance.now() - sent)} ms`);
  expect(children.filter(alive)).toEqual([]);
  expect(readdirSync(folder).filter((entry) => entry !== 'ready.json')).toEqual([]);
  expect(['a', 'b'].map((node) => shared + node).filter((path) => existsSync(path))).toEqual([]);
  expect(stderr).not.toMatch(/^baton: /m);
}

describe('running', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('tells what runs where, and ends by %s', { timeout: BOUND_MS }, async (signal) => {
    const path = join(folder, 'ready.json');
    start('--ready-file', path);
    await until('the file is there', () => existsSync(path), BOUND_MS);
    const ready = JSON.parse(readFileSync(path, 'utf8')) as Ready;
    expect(ready.engines).toMatchObject([
      { name: 'prefill-0', role: 'prefill', node: 'a' },
      { name: 'decode-0', role: 'decode', node: 'b' },
    ]);
    expect(ready.services).toMatchObject([
      { name: 'a', role: 'transfer', node: 'a' },
      { name: 'b', role: 'transfer', node: 'b' },
    ]);
    expect((await fetch(`${ready.router}/health/ready`)).status).toBe(200);
    expect((await fetch(`${ready.admin}/metrics`)).status).toBe(200);
    for (const { admin } of ready.services) expect((await fetch(`${admin}/health/ready`)).status).toBe(200);
    for (const url of [ready.alone, ...ready.engines.map((e) => e.url)]) {
      expect((await fetch(`${url}/health`)).status).toBe(200);
    }
    expect(ready.pid).toBe(demo.pid);
    const pids = [...ready.engines, ...ready.services].map(({ pid }) => pid);
    expect([...pids, ready.router_pid, ready.alone_pid].sort()).toEqual(childrenOf(ready.pid).sort());
    expect(arenas()).toHaveLength(2);
    await endsBy(signal, 0);
  });
}); // prettier-ignore

describe('still starting', () => {
  test.each([['SIGINT', 130], ['SIGTERM', 143]] as const)('ends by %s', { timeout: BOUND_MS }, async (signal, code) => {
    start();
    await until('a first process is there', () => childrenOf(demo.pid ?? 0).length > 0, BOUND_MS);
    await endsBy(signal, code);
  });
  test('ends by SIGTERM with services up and engines on their way', { timeout: BOUND_MS }, async () => {
    start();
    await until('an arena is there', () => arenas().length > 0, BOUND_MS);
    await endsBy('SIGTERM', 143);
  });
}); // prettier-ignore

test('a ready file that cannot be written is refused before anything starts', async () => {
  start('--ready-file', join(folder, 'missing', 'ready.json'));
  expect(await ended).toEqual([2, null]);
  expect(stderr).toBe(
    `baton: [bad_config] --ready-file: ${join(folder, 'missing')} is not a folder: create it or correct the path\n`,
  );
  expect(readdirSync(folder)).toEqual([]);
});

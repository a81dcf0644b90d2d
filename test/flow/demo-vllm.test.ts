// What the demo over real vLLM says and leaves behind where it cannot run: no engine is started here.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** A Python environment is made in seconds, on a busy machine in a minute. */
const BOUND_MS = 180_000;
const MAIN = join(import.meta.dirname, '../../cli/main.ts');

let folder = '';
let temporary = ''; // the demo's own TMPDIR
let venv = '';
let demo: ChildProcess;
let stderr = '';
let stdout = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'baton-demo-vllm-test-'));
  temporary = join(folder, 'tmp');
  venv = join(folder, 'venv');
  mkdirSync(temporary);
});
afterEach(() => {
  demo.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function start(env: Record<string, string>, ...flags: string[]): Promise<unknown[]> {
  stderr = '';
  stdout = '';
  demo = spawn(process.execPath, [MAIN, 'demo-vllm', ...flags], {
    env: { ...process.env, TMPDIR: temporary, BATON_VLLM_VENV: venv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  demo.stdout?.on('data', (data: Buffer) => (stdout += data.toString()));
  demo.stderr?.on('data', (data: Buffer) => (stderr += data.toString()));
  return once(demo, 'close');
}

/** Processes that were started for something in the test's folder. */
function left(): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return ''; // it ended meanwhile
      }
    })
    .filter((line) => line.includes(folder));
}

/** An index that pip asks and that never answers. */
async function silentIndex(): Promise<{
  server: Server;
  env: Record<string, string>;
  asked: Promise<unknown>;
}> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, asked: once(server, 'request'), env: indexAt(port) };
}

const indexAt = (port: number): Record<string, string> => ({
  PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
  PIP_EXTRA_INDEX_URL: '',
  PIP_CONFIG_FILE: '/dev/null',
  PIP_RETRIES: '0',
  no_proxy: '127.0.0.1',
});

test('an unknown dialect is refused with those that there are', async () => {
  expect(await start({}, '--dialect', 'smoke-signals')).toEqual([1, null]);
  expect(stderr).toContain("argument 'smoke-signals' is invalid. Allowed choices are baton, vllm-nixl.");
  expect(readdirSync(temporary)).toEqual([]);
});

test('a named folder that is no environment of ours is refused, and left as it was', async () => {
  mkdirSync(venv);
  writeFileSync(join(venv, 'pyvenv.cfg'), 'somebody else’s');
  expect(await start({}, '--check')).toEqual([1, null]);
  expect(stderr).toContain(
    `baton: [missing_dependency] ${venv} (BATON_VLLM_VENV) is no environment made by scripts/vllm-venv.mjs`,
  );
  expect(readFileSync(join(venv, 'pyvenv.cfg'), 'utf8')).toBe('somebody else’s');
  expect(stdout).toBe('');
  expect(readdirSync(temporary)).toEqual([]);
});

test(
  'without a package index it says so, and half an environment is not left',
  { timeout: BOUND_MS },
  async () => {
    // Nobody listens at port 1.
    expect(await start(indexAt(1), '--check')).toEqual([1, null]);
    expect(stderr).toContain(`demo: making ${venv} (full form): about 3 GiB from PyPI`);
    expect(stderr).toMatch(/^baton: \[missing_dependency\] /m);
    expect(stderr).toContain('cannot make the full environment: is PyPI in reach from here?');
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['tmp']);
  },
);

test('an interruption while installing ends every process and removes every folder', { timeout: BOUND_MS }, async () => {
  const { server, env, asked } = await silentIndex();
  try {
    const ended = start(env);
    await asked;
    expect(left()).not.toEqual([]);
    demo.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(left()).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['tmp']);
    expect(stderr).not.toMatch(/^baton: /m);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}); // prettier-ignore

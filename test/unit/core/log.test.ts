// The log goes to standard error of the process itself, so each case is a process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../../../core/log.ts', import.meta.url));

/** A process starts in a moment, on a machine with other work in seconds. */
const BOUND = { timeout: 60_000 };

/** Writes `lines` lines, then says on stdout how much memory that took. */
const WRITER = (lines: number): string => `
  import { createLogger } from ${JSON.stringify(MODULE)};
  const log = createLogger('test', 'info');
  const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
  for (let i = 0; i < ${lines}; i++) log.info({ i, filler: 'x'.repeat(1000) }, 'line');
  setImmediate(() => {
    globalThis.gc();
    console.log(process.memoryUsage().heapUsed + process.memoryUsage().external - before);
  });`;

test('a log that nobody can write to costs its lines, never the process', BOUND, async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', WRITER(20_000)], {
    stdio: ['ignore', 'pipe', full],
  });
  closeSync(full);
  const ended = once(child, 'close');
  const grown = await text(child.stdout as Readable);
  expect(await ended).toEqual([0, null]);
  expect(Number(grown)).toBeLessThan(8 << 20);
});

test('each line is JSON, names its process, and is written when the call returns', BOUND, async () => {
  const script = `
    import { createLogger } from ${JSON.stringify(MODULE)};
    createLogger('test', 'info').child({ request: 'r1' }).warn({ code: 'no_room' }, 'refused');
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const line = JSON.parse(await text(child.stderr)) as Record<string, unknown>;
  expect(line).toMatchObject({ process: 'test', request: 'r1', code: 'no_room', msg: 'refused' });
});

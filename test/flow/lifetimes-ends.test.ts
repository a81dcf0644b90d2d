// A process may end in any way while its buses and engines are busy: no death by a signal, no word on stderr, no socket left,
// and whoever opens its arenas again finds nothing held.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { folder, heldAfter, leftovers, runCase } from './lifetimes/run.ts';

let directory: string;
let end: () => void;
beforeEach(() => {
  ({ path: directory, end } = folder());
});
afterEach(() => {
  end();
});

const expectNothingHeld = (nodes: string[]): void => {
  expect(leftovers(directory)).toEqual([]);
  for (const node of nodes) expect(heldAfter(directory, node)).toEqual([0, 0, 0, 0]);
};

test.each(['exit', 'exit with handles open'])('%s in the middle of a handoff, a step and loads', async (name) => {
  const ended = await runCase('ends.ts', name, directory);
  expect(ended).toEqual({ code: 3, signal: null, stdout: '', stderr: '' });
  expectNothingHeld(['a', 'b']);
}); // prettier-ignore

test('an event loop that runs empty first settles what was promised; live tickets do not hold it', async () => {
  const ended = await runCase('ends.ts', 'natural', directory);
  const lines = ended.stdout.trim().split('\n').sort();
  expect(lines).toEqual([`loads ${'0'.repeat(20)}`, 'step 0']);
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  expectNothingHeld(['a', 'b']);
});

test('an exception that nobody catches in the middle of a handoff, a step and loads', async () => {
  const ended = await runCase('ends.ts', 'throw', directory);
  expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(ended.stderr).toContain('Error: on purpose');
  expect(ended.stderr).not.toMatch(/terminate|FATAL|native stack trace/i);
  expectNothingHeld(['a', 'b']);
});

test.each([
  ['natural', 0],
  ['exit', 3],
])('a wake that is queued at the %s end of the process calls nobody', async (end, code) => {
  const ended = await runCase('ends.ts', `${end} with a wake queued`, directory);
  expect(ended).toEqual({ code, signal: null, stdout: '', stderr: '' });
  expectNothingHeld(['a']);
});

test('a wake that is queued when an exception ends the process calls nobody', async () => {
  const ended = await runCase('ends.ts', 'throw with a wake queued', directory);
  expect(ended).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(ended.stderr).toContain('Error: on purpose');
  expectNothingHeld(['a']);
});

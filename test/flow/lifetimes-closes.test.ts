// close() and detach() end what they must and nothing else; each case is a process, which ends by itself.
import { expect, test } from 'vitest';
import { folder, leftovers, runCase } from './lifetimes/run.ts';

test.each([
  'a bus twice, with calls pending',
  'a bus from its own wake',
  'a bus whose wake throws',
  'a bus that nobody holds',
  'everything in the middle of a handoff',
  'an engine with a step and loads pending',
  'a client in the middle of loads and a step',
  'an engine that nobody holds',
])('closing %s', async (name) => {
  const { path, end } = folder();
  try {
    const ended = await runCase('closes.ts', name, path);
    expect(ended).toEqual({ code: 0, signal: null, stdout: 'done\n', stderr: '' });
    expect(leftovers(path)).toEqual([]);
  } finally {
    end();
  }
});

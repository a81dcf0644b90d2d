// The addons in worker threads: an environment may be taken down at any moment, and never takes the process with it.
import { expect, test } from 'vitest';
import { folder, leftovers, runCase } from './lifetimes/run.ts';

async function workers(name: string): Promise<string> {
  const { path, end } = folder();
  try {
    const { stdout, ...ended } = await runCase('workers.ts', name, path);
    expect(ended).toEqual({ code: 0, signal: null, stderr: '' });
    expect(leftovers(path)).toEqual([]);
    return stdout;
  } finally {
    end();
  }
}

test.each([
  'a handoff, a step and loads',
  'calls of the bus',
  'a wake',
  'queued wakes',
  'settled loads',
  'loads that settle',
])('a worker terminated in %s leaves socket and arena free', async (name) => {
  expect(await workers(name)).toBe('live 0\n');
});

test('two workers and the main thread at once: the end of one is not noticed by another', async () => {
  expect(await workers('three at once')).toBe(`workers 1,4, step 0, loads ${'0'.repeat(20)}\n`);
});

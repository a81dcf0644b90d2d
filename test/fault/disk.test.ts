// Full disks: the log's, and the arena's file system. Nothing else of the product writes to a disk.
import { existsSync, statfsSync, statSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { ask, deploy, promptOf, rightAnswer, untilBaseline } from '../support/deployment.ts';
import { ALONE, engine, SLOW } from '../support/fault-rig.ts';
import { metricAt } from '../support/metrics.ts';

let cluster: Cluster | null = null;
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
});

describe('the disk of the logs', () => {
  test('[disk-log] full, with every process writing all that it can: requests and failures go on as always', async () => {
    const engines = [
      engine('prefill-0', 'prefill', 'a', SLOW),
      engine('prefill-1', 'prefill', 'b', SLOW),
      engine('decode-0', 'decode', 'b'),
      ALONE,
    ];
    const made = (cluster = await deploy({ engines, log: 'debug', logFile: '/dev/full' }));
    for (const seed of [1, 2]) {
      const tokens = promptOf(1024, seed);
      const right = await rightAnswer(made, tokens);
      const answer = ask(made, tokens);
      if (seed === 2) made.member('prefill-0').child.signal('SIGKILL');
      expect((await answer).tokenIds).toEqual(right);
    }
    await untilBaseline(made, ['a', 'b']);
    for (const name of ['router', 'a', 'b', 'prefill-1', 'decode-0']) {
      expect(made.member(name).child.alive, name).toBe(true);
      await made.member(name).child.stop(5000);
      expect(await made.member(name).child.exited, name).toEqual({ code: 0, signal: null });
    }
  });
});

describe('the file system of the arena', () => {
  test('[disk-arena-full] too small: the service does not start, says what to do, and leaves nothing', async () => {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const bytes = Math.ceil((bavail * bsize * 1.5) / 65_536) * 65_536;
    const started = deploy({
      engines: [ALONE],
      router: { engines: [] },
      nodes: ['a'],
      ofNode: { a: { arena: { path: '/dev/shm/baton-too-large', bytes } } },
    });
    await expect(started).rejects.toThrow(
      /\[start_failed\] no room in \/dev\/shm: the arena needs .* lower transfer\.arena\.bytes/,
    );
    expect(existsSync('/dev/shm/baton-too-large')).toBe(false);
  });
  test('[disk-arena-taken] filled by somebody else later: the arena has all its memory since its start', async () => {
    const made = (cluster = await deploy({
      engines: [engine('prefill-0', 'prefill', 'a'), engine('decode-0', 'decode', 'b'), ALONE],
    }));
    const allocated = made.services.map(({ name }) => allocatedBytes(made.arenaPath(name)));
    for (const bytes of allocated) expect(bytes).toBeGreaterThanOrEqual(64 << 20);
    // As many prompts as fill it more than once need no more.
    for (let seed = 1; seed <= 6; seed++) {
      const tokens = promptOf(4096, seed);
      expect((await ask(made, tokens)).tokenIds).toEqual(await rightAnswer(made, tokens));
    }
    expect(made.services.map(({ name }) => allocatedBytes(made.arenaPath(name)))).toEqual(allocated);
    expect(
      await metricAt(made.member('a').adminUrl ?? '', 'baton_transfer_arena_slots_used'),
    ).toBeGreaterThan(0);
  });
});

const allocatedBytes = (path: string): number => statSync(path).blocks * 512;

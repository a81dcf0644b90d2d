// A process that gets no more file descriptors: it refuses what it cannot serve, keeps what it has, and is as good as before once
// it gets some again.
import { afterEach, describe, expect, test } from 'vitest';
import { ALONE, computing, engine, placed, SLOW, SLOW_TOKENS, useRig } from '../support/fault-rig.ts';
import { withoutMoreDescriptors } from '../support/prlimit.ts';

const rig = useRig({
  nodes: ['a', 'b', 'c'],
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('decode-0', 'decode', 'b', SLOW_TOKENS),
    engine('decode-1', 'decode', 'c', SLOW_TOKENS),
    ALONE,
  ],
});

let release: (() => void)[] = [];
const exhaust = (...names: string[]): void => {
  release = names.map((name) => withoutMoreDescriptors(rig.cluster.member(name).child.pid));
};
const free = (): void => {
  for (const one of release.splice(0)) one();
};
afterEach(free);

async function expectServed(): Promise<void> {
  await rig.mend();
  const bytes = await rig.laneBytes();
  expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  expect(await rig.laneBytes()).toBeGreaterThan(bytes);
}

describe('none left at', () => {
  test('[fds-router] the router: clients that come are turned away at once, those that it serves are served', async () => {
    const { outcome } = await rig.meet('fds-router', computing, { answerTokens: 8 });
    exhaust('router');
    const prompts = await Promise.all(Array.from({ length: 4 }, () => rig.prompt(256)));
    for (const late of await Promise.all(prompts.map((prompt) => rig.ask(prompt))))
      expect(['right', 'refused', 'cut']).toContain(late.kind);
    expect(['right', 'refused']).toContain((await outcome).kind);
    free();
    await expectServed();
  });
  test('[fds-prefill] the prefill engine: its legs are refused, prompts are computed elsewhere', async () => {
    exhaust('prefill-0');
    for (let i = 0; i < 2; i++)
      expect(['right', 'refused']).toContain((await rig.ask(await rig.prompt(512))).kind);
    free();
    await expectServed();
  });
  test('[fds-decode] a decode engine: another one answers', async () => {
    exhaust('decode-0');
    for (let i = 0; i < 4; i++) expect(await rig.ask(await rig.prompt(256))).toMatchObject({ kind: 'right' });
    free();
    await expectServed();
  });
  test.each([
    ['source', 'prefill', 'a'],
    ['target', 'decode', 'b'],
  ] as const)(
    '[fds-%s] the service of the %s side: lanes and streams that it has go on, new ones wait',
    async (_end, leg, node) => {
      const { outcome, journey } = await rig.meet(`fds-${node}`, computing);
      expect(placed(journey, leg)).not.toBe('');
      exhaust(node);
      expect(await outcome).toMatchObject({ kind: 'right' });
      // Its lanes are gone, and it can make no new ones.
      for (const name of ['b', 'c']) if (name !== node) await rig.kill(name);
      expect(['right', 'refused']).toContain((await rig.ask(await rig.prompt(512))).kind);
      free();
      await expectServed();
    },
  );
});

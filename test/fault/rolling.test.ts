// A new version goes round: every process is ended by SIGTERM and started again, one after the other, while clients keep asking.
import { expect, test } from 'vitest';
import { ALONE, engine, useRig, type Prompt } from '../support/fault-rig.ts';
import { Load } from '../support/load.ts';

const rig = useRig({
  nodes: ['a', 'b', 'c', 'd'],
  engines: [
    engine('prefill-0', 'prefill', 'a', { compute_us_per_layer: 5000 }),
    engine('prefill-1', 'prefill', 'c', { compute_us_per_layer: 5000 }),
    engine('decode-0', 'decode', 'b', { compute_us_per_layer: 5000 }),
    engine('decode-1', 'decode', 'd', { compute_us_per_layer: 5000 }),
    ALONE,
  ],
});

async function again(name: string): Promise<void> {
  const { child } = rig.cluster.member(name);
  child.signal('SIGTERM');
  expect(await child.exited, name).toEqual({ code: 0, signal: null });
  await rig.restart(name);
}

test('[rolling-restart] no wrong answer, none cut short, and no refusal but those that say when to come again', async () => {
  const prompts: Prompt[] = [];
  for (let i = 0; i < 12; i++) prompts.push(await rig.prompt(256 + 128 * (i % 5), 4 + (i % 7)));
  const load = new Load({ clients: 4, prompts, ask: (prompt, stream) => rig.ask(prompt, { stream }) });
  try {
    await load.more(8);
    for (const name of ['prefill-0', 'prefill-1', 'decode-0', 'decode-1', 'a', 'b', 'c', 'd', 'router']) {
      await again(name);
      await rig.mend();
      await load.more(8);
      expect(load.failures, name).toEqual([]);
    }
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
  const codes = [...load.refusals.keys()].filter((code) => !code.startsWith('cut'));
  expect(['refused engine_unavailable', 'refused no_worker', 'refused shutting_down']).toEqual(
    expect.arrayContaining(codes),
  );
});

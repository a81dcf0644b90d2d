// A decode engine dies or stands still in every stage of a request; and all of them at once.
import { describe, expect, test } from 'vitest';
import {
  ALONE,
  answering,
  computing,
  decoding,
  engine,
  landed,
  placed,
  reserving,
  SLOW,
  useRig,
} from '../support/fault-rig.ts';
import { Proxies } from '../support/proxies.ts';

const control = new Proxies('b', 'c');
const slow = { compute_us_per_layer: 40_000 };
const rig = useRig({
  nodes: ['a', 'b', 'c'],
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('decode-0', 'decode', 'b', slow),
    engine('decode-1', 'decode', 'c', slow),
    ALONE,
  ],
  proxies: control,
});

const untilDown = (): Promise<void> =>
  rig.untilMetric('router', 'baton_router_engines_up', (value) => value === 2);

async function expectNotSelected(id: string, name: string): Promise<void> {
  await untilDown();
  expect(await rig.ask(await rig.prompt(512), { id })).toMatchObject({ kind: 'right' });
  expect((await rig.ended(id)).attempts.map(({ decode }) => decode)).not.toContain(name);
}

async function expectElsewhere(id: string, without: string): Promise<void> {
  const { attempts } = await rig.ended(id);
  expect(attempts.length).toBeGreaterThan(1);
  expect(attempts.at(-1)?.decode).not.toBe(without);
}

const BEFORE_ITS_TOKENS = [
  ['s3', 'before anything has landed', computing],
  ['s4', 'after some chunks have landed', landed(2)],
  ['s5', 'before its first token', decoding],
] as const;

describe('killed', () => {
  test('[decode-crash-s0] while nothing runs: requests go to another one', async () => {
    await rig.kill('decode-0');
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    await expectNotSelected('crash-s0', 'decode-0');
  });
  test('[decode-crash-s2] while room is reserved: another one is chosen', async () => {
    for (const node of ['b', 'c']) control.of(node).fault = { hold: 'down' };
    const { outcome, journey } = await rig.meet('crash-s2', reserving);
    await rig.kill(placed(journey, 'decode'));
    control.heal();
    expect(await outcome).toMatchObject({ kind: 'right' });
    expect(placed(await rig.ended('crash-s2'), 'decode')).not.toBe(placed(journey, 'decode'));
  });
  test.each(BEFORE_ITS_TOKENS)(
    '[decode-crash-%s] %s: the prompt goes to another one',
    async (stage, _when, there) => {
      const id = `crash-${stage}`;
      const { outcome, journey } = await rig.meet(id, there);
      await rig.kill(placed(journey, 'decode'));
      expect(await outcome).toMatchObject({ kind: 'right' });
      await expectElsewhere(id, placed(journey, 'decode'));
    },
  );
  test('[decode-crash-s6] after its first token: the stream ends with an error event and no [DONE]', async () => {
    const { outcome, journey } = await rig.meet('crash-s6', answering, { answerTokens: 50, stream: true });
    await rig.kill(placed(journey, 'decode'));
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'decode_interrupted' });
  });
  test('[decode-crash-s7] as soon as its answer is complete: no end keeps anything of it', async () => {
    const { outcome, journey } = await rig.meet('crash-s7', decoding);
    expect(await outcome).toMatchObject({ kind: 'right' });
    await rig.kill(placed(journey, 'decode'));
  });
});

describe('standing still', () => {
  test('[decode-hang-s0] while nothing runs: it is left out', async () => {
    rig.stop('decode-0');
    await expectNotSelected('hang-s0', 'decode-0');
  });
  test.each(BEFORE_ITS_TOKENS)(
    '[decode-hang-%s] %s: another one answers in bounded time',
    async (stage, _when, there) => {
      const id = `hang-${stage}`;
      const { outcome, journey } = await rig.meet(id, there);
      rig.stop(placed(journey, 'decode'));
      expect(await outcome).toMatchObject({ kind: 'right' });
      await expectElsewhere(id, placed(journey, 'decode'));
    },
  );
  test('[decode-hang-s6] after its first token: the stream ends with an error event in bounded time', async () => {
    const { outcome, journey } = await rig.meet('hang-s6', answering, { answerTokens: 50, stream: true });
    rig.stop(placed(journey, 'decode'));
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'decode_interrupted' });
  });
});

describe('all of them gone', () => {
  test('[decode-pool-lost] refused with the time to come again, and no prompt is computed for it', async () => {
    await rig.kill('decode-0');
    await rig.kill('decode-1');
    await rig.untilMetric('router', 'baton_router_engines_up', (value) => value === 1);
    const steps = await rig.metric('prefill-0', 'baton_engine_steps_total');
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'refused', code: 'no_worker' });
    expect(await rig.metric('prefill-0', 'baton_engine_steps_total')).toBe(steps);
  });
});

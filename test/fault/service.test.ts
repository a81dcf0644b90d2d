// A transfer service dies, stands still or comes back with its engines attached, in every stage of a request. Engines go on
// without it; what was sealed is served again.
import { describe, expect, test } from 'vitest';
import {
  ALONE, answering, computing, decoding, engine, landed, placed, reserving, SLOW, SLOW_TOKENS, useRig,
} from '../support/fault-rig.ts'; // prettier-ignore
import type { Journey } from '../support/journey.ts';
import { Proxies } from '../support/proxies.ts';

const control = new Proxies('a', 'b', 'c', 'd');
const rig = useRig({
  nodes: ['a', 'b', 'c', 'd'],
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('prefill-1', 'prefill', 'c', SLOW),
    engine('decode-0', 'decode', 'b', SLOW_TOKENS),
    engine('decode-1', 'decode', 'd', SLOW_TOKENS),
    ALONE,
  ],
  proxies: control,
});

type End = 'source' | 'target';
const nodeOf: Record<string, string> = {
  'prefill-0': 'a',
  'prefill-1': 'c',
  'decode-0': 'b',
  'decode-1': 'd',
};
const serviceOf = (journey: Journey, end: End): string =>
  nodeOf[placed(journey, end === 'source' ? 'prefill' : 'decode')] ?? '';

async function expectServed(): Promise<void> {
  expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
}

describe.each(['source', 'target'] as const)('the %s killed', (end) => {
  test(`[service-crash-${end}-s0] while nothing runs: requests go over the others`, async () => {
    await rig.kill(end === 'source' ? 'a' : 'b');
    await expectServed();
  });
  test(`[service-crash-${end}-s2] while room is reserved: another pair is chosen`, async () => {
    for (const node of ['a', 'b', 'c', 'd']) control.of(node).fault = { hold: 'down' };
    const { outcome, journey } = await rig.meet(`crash-${end}-s2`, reserving);
    await rig.kill(serviceOf(journey, end));
    control.heal();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test.each([
    ['s3', 'before anything has landed', computing],
    ['s4', 'while chunks stream', landed(1)],
  ] as const)(`[service-crash-${end}-%s] %s: another attempt is right`, async (stage, _name, there) => {
    const { outcome, journey } = await rig.meet(`crash-${end}-${stage}`, there);
    await rig.kill(serviceOf(journey, end));
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test(`[service-crash-${end}-s5] while tokens stream: nobody notices`, async () => {
    const { outcome, journey } = await rig.meet(`crash-${end}-s5`, answering, {
      answerTokens: 12,
      stream: true,
    });
    await rig.kill(serviceOf(journey, end));
    expect(await outcome).toMatchObject({ kind: 'right', tokens: 12 });
    await expectServed();
  });
});

describe.each(['source', 'target'] as const)('the %s standing still', (end) => {
  test.each([
    ['s2', 'while room is reserved', reserving],
    ['s3', 'before anything has landed', computing],
    ['s4', 'while chunks stream', landed(1)],
  ] as const)(
    `[service-hang-${end}-%s] %s: ends in bounded time, and what it says late is refused`,
    async (stage, _name, there) => {
      if (stage === 's2') for (const node of ['a', 'b', 'c', 'd']) control.of(node).fault = { hold: 'down' };
      const { outcome, journey } = await rig.meet(`hang-${end}-${stage}`, there);
      rig.stop(serviceOf(journey, end));
      control.heal();
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
  test(`[service-hang-${end}-s6] while tokens stream: the answer is whole`, async () => {
    const { outcome, journey } = await rig.meet(`hang-${end}-s6`, answering, {
      answerTokens: 12,
      stream: true,
    });
    rig.stop(serviceOf(journey, end));
    expect(await outcome).toMatchObject({ kind: 'right', tokens: 12 });
  });
});

describe('started again at its address, its engines attached', () => {
  test('[service-restart-s4] while chunks stream through it: slots of its earlier life come back, and nothing of it is served', async () => {
    const { outcome, journey } = await rig.meet('restart-s4', landed(1));
    for (const end of ['source', 'target'] as const) {
      const node = serviceOf(journey, end);
      await rig.kill(node);
      await rig.restart(node);
    }
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[service-restart-s5] while its engine decodes: what has landed is found again', async () => {
    const prompt = await rig.prompt(1024);
    const first = rig.ask(prompt, { id: 'restart-s5' });
    const journey = await rig.journey('restart-s5', 'decodes', decoding);
    const node = serviceOf(journey, 'target');
    await rig.kill(node);
    await rig.restart(node);
    expect(await first).toMatchObject({ kind: 'right' });
    expect(await rig.metric(node, 'baton_transfer_arena_bytes_sealed')).toBeGreaterThan(0);
    await rig.mend();
    expect(await rig.ask(prompt)).toMatchObject({ kind: 'right' });
  });
  test('[service-restart-all] every one of them, twice: engines attach again and prompts go over lanes', async () => {
    for (let round = 0; round < 2; round++) {
      for (const node of ['a', 'b', 'c', 'd']) await rig.kill(node);
      for (const node of ['a', 'b', 'c', 'd']) await rig.restart(node);
      await rig.mend();
      const lanes = await rig.laneBytes();
      await expectServed();
      expect(await rig.laneBytes()).toBeGreaterThan(lanes);
    }
  });
});

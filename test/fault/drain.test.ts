// SIGTERM: each process stops taking work, finishes what it has within its bound, and then ends well (docs/reliability.md).
import { describe, expect, test } from 'vitest';
import {
  ALONE, answering, computing, engine, landed, placed, SLOW, SLOW_TOKENS, useRig, type Met,
} from '../support/fault-rig.ts'; // prettier-ignore
import type { Journey } from '../support/journey.ts';
import { Proxies } from '../support/proxies.ts';

const DRAIN_MS = 2500;
const control = new Proxies('b', 'd');
const rig = useRig({
  nodes: ['a', 'b', 'c', 'd'],
  // Longer than any test: a service ends because its tickets do.
  transfer: { drain_ms: 600_000 },
  engine: { drain_ms: DRAIN_MS },
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('prefill-1', 'prefill', 'c', SLOW),
    engine('decode-0', 'decode', 'b', SLOW_TOKENS),
    engine('decode-1', 'decode', 'd', SLOW_TOKENS),
    ALONE,
  ],
  proxies: control,
});

const nodeOf: Record<string, string> = {
  'prefill-0': 'a',
  'prefill-1': 'c',
  'decode-0': 'b',
  'decode-1': 'd',
};
const term = (name: string): void => {
  rig.cluster.member(name).child.signal('SIGTERM');
};
const exit = (name: string) => rig.cluster.member(name).child.exited;
const WELL = { code: 0, signal: null };

/** The request that was met ends right, in the very attempt that it was met in. */
async function expectFinished(id: string, { outcome, journey }: Met): Promise<void> {
  expect(await outcome).toMatchObject({ kind: 'right' });
  const attempts = async (of: Promise<Journey> | Journey) => (await of).attempts.map(({ error }) => error);
  expect(await attempts(rig.ended(id))).toEqual(await attempts(journey));
}

describe('the router', () => {
  test('[drain-router] refuses what comes, with the time to come again, and ends when what runs has ended', async () => {
    const met = await rig.meet('drain-router', landed(1), { answerTokens: 8, stream: true });
    term('router');
    const health = async (): Promise<number> => (await fetch(`${rig.cluster.routerUrl}/health/ready`)).status;
    while ((await health()) !== 503);
    expect(await rig.ask(await rig.prompt(256))).toMatchObject({ kind: 'refused', code: 'shutting_down' });
    expect(await met.outcome).toMatchObject({ kind: 'right' });
    expect(await exit('router')).toEqual(WELL);
  });
  test('[drain-router-late] tells those whom it cuts after its bound, and ends', async () => {
    const { outcome } = await rig.meet('drain-late', answering, { answerTokens: 200, stream: true });
    term('router');
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'shutting_down' });
    expect(await exit('router')).toEqual(WELL);
  });
});

describe('an engine', () => {
  test('[drain-prefill] finishes the prompts that it computes; others go elsewhere', async () => {
    const met = await rig.meet('drain-prefill', landed(1));
    const name = placed(met.journey, 'prefill');
    term(name);
    expect(await rig.ask(await rig.prompt(512), { id: 'beside' })).toMatchObject({ kind: 'right' });
    await expectFinished('drain-prefill', met);
    expect(await exit(name)).toEqual(WELL);
  });
  test('[drain-decode] finishes the answers that it generates; others go elsewhere', async () => {
    const met = await rig.meet('drain-decode', answering, { answerTokens: 12, stream: true });
    const name = placed(met.journey, 'decode');
    term(name);
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    await expectFinished('drain-decode', met);
    expect(await exit(name)).toEqual(WELL);
  });
  test('[drain-decode-late] ends those whom it cuts after its bound with an error event, and ends', async () => {
    const { outcome, journey } = await rig.meet('drain-decode-late', answering, {
      answerTokens: 200,
      stream: true,
    });
    const name = placed(journey, 'decode');
    term(name);
    expect(await outcome).toMatchObject({ kind: 'broken' });
    expect(await exit(name)).toEqual(WELL);
  });
});

describe('a service', () => {
  test.each(['source', 'target'] as const)(
    '[drain-service-%s] takes no new tickets, carries those that live to their end, and ends when there is none',
    async (end) => {
      const id = `drain-${end}`;
      const met = await rig.meet(id, landed(1));
      const node = nodeOf[placed(met.journey, end === 'source' ? 'prefill' : 'decode')] ?? '';
      term(node);
      await rig.untilMetric('router', 'baton_router_ready', (value) => value === 1);
      expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
      await expectFinished(id, met);
      expect(await exit(node)).toEqual(WELL);
    },
  );
  test('[drain-service-source-first] that ends before the target’s word has come fails no attempt: it had said its last one', async () => {
    const met = await rig.meet('drain-first', landed(1));
    control.of(nodeOf[placed(met.journey, 'decode')] ?? '').fault = { hold: 'down' };
    const node = nodeOf[placed(met.journey, 'prefill')] ?? '';
    term(node);
    expect(await exit(node)).toEqual(WELL);
    control.heal();
    await expectFinished('drain-first', met);
  });
  test('[drain-service-expired] does not wait for a router that is silent: its tickets expire first', async () => {
    const { outcome, journey } = await rig.meet('drain-expired', computing);
    const node = nodeOf[placed(journey, 'decode')] ?? '';
    rig.stop('router');
    term(node);
    expect(await exit(node)).toEqual(WELL);
    rig.cont('router');
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
});

describe('twice', () => {
  test('[drain-twice] a second signal ends a process at once', async () => {
    const { outcome, journey } = await rig.meet('drain-twice', answering, { answerTokens: 60, stream: true });
    const name = placed(journey, 'decode');
    term(name);
    await rig.untilMetric('router', 'baton_router_engines_up', (value) => value === 3);
    term(name);
    expect(await exit(name)).toEqual({ code: 130, signal: null });
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'decode_interrupted' });
  });
});

// The router dies or stands still in every stage of a request. Before the first byte a load balancer may send the request
// elsewhere; whatever was held for it at engines and services ends by leases and closed connections. It comes back at its address.
import { describe, expect, test } from 'vitest';
import {
  ALONE, answering, computing, decoding, engine, landed, reserving, SLOW, SLOW_TOKENS, useRig, type There,
} from '../support/fault-rig.ts'; // prettier-ignore
import { until } from '../support/ready.ts';
import { Proxies } from '../support/proxies.ts';

const control = new Proxies('a', 'b');
const rig = useRig({
  engines: [engine('prefill-0', 'prefill', 'a', SLOW), engine('decode-0', 'decode', 'b', SLOW_TOKENS), ALONE],
  proxies: control,
});

/** Both ends have let go of every ticket, though nobody told them. */
async function untilLetGo(): Promise<void> {
  for (const node of ['a', 'b']) {
    for (const gauge of ['tickets_live', 'arena_pins', 'arena_quiescing'])
      await rig.untilMetric(node, `baton_transfer_${gauge}`, (value) => value === 0);
  }
}

async function expectIdle(name: string): Promise<void> {
  for (const gauge of ['requests_running', 'requests_waiting', 'kv_pages_used'])
    await rig.untilMetric(name, `baton_engine_${gauge}`, (value) => value === 0);
}

const STAGES: [string, string, There][] = [
  ['s3', 'before anything has landed', computing],
  ['s4', 'while chunks stream', landed(1)],
  ['s5', 'before the first token', decoding],
  ['s6', 'while tokens stream', answering],
];

describe('killed', () => {
  test('[router-crash-s0] before it has taken a request: no byte of an answer came, and it may be sent again', async () => {
    await rig.kill('router');
    const prompt = await rig.prompt(512);
    expect(await rig.ask(prompt)).toMatchObject({ kind: 'cut', tokens: 0 });
    await rig.restart('router');
    await rig.mend();
    expect(await rig.ask(prompt)).toMatchObject({ kind: 'right' });
  });
  test('[router-crash-s2] between the reservations: what the target has granted ends by its lease', async () => {
    control.of('a').fault = { hold: 'down' };
    const { outcome } = await rig.meet('crash-s2', reserving);
    await rig.untilMetric('b', 'baton_transfer_tickets_live', (value) => value === 1);
    await rig.kill('router');
    control.heal();
    expect(await outcome).toMatchObject({ kind: 'cut', tokens: 0 });
    await untilLetGo();
  });
  test.each(STAGES)(
    '[router-crash-%s] %s: engines stop within a step, leases end the rest',
    async (stage, _name, there) => {
      const { outcome, journey } = await rig.meet(`crash-${stage}`, there, {
        answerTokens: 40,
        stream: true,
      });
      await rig.kill('router');
      expect(await outcome).toMatchObject({ kind: 'cut' });
      for (const name of ['prefill-0', 'decode-0']) await expectIdle(name);
      await untilLetGo();
      expect(journey.attempts).toHaveLength(1);
      await rig.mend();
      expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    },
  );
  test('[router-crash-s7] before it has told anybody that the request is over', async () => {
    const { outcome } = await rig.meet('crash-s7', answering, { answerTokens: 6, stream: true });
    control.of('b').fault = { hold: 'up' };
    expect(await outcome).toMatchObject({ kind: 'right' });
    expect(await rig.metric('b', 'baton_transfer_tickets_live')).toBe(1);
    await rig.kill('router');
    await untilLetGo();
  });
});

describe('standing still', () => {
  test('[router-hang-s0] its health does not answer either; who waits is served once it goes on', async () => {
    rig.stop('router');
    const health = fetch(`${rig.cluster.routerUrl}/health/ready`, { signal: AbortSignal.timeout(1000) });
    const outcome = rig.ask(await rig.prompt(512));
    await expect(health).rejects.toThrow();
    rig.cont('router');
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[router-hang-s2] between the reservations, for longer than the lease: what it does late is refused', async () => {
    control.of('a').fault = { hold: 'down' };
    const { outcome } = await rig.meet('hang-s2', reserving);
    await rig.untilMetric('b', 'baton_transfer_tickets_live', (value) => value === 1);
    rig.stop('router');
    control.heal();
    await untilLetGo();
    rig.cont('router');
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test.each(STAGES)(
    '[router-hang-%s] %s, for longer than the lease: no slot waits for it, and it ends the request well',
    async (stage, _name, there) => {
      const { outcome } = await rig.meet(`hang-${stage}`, there, { answerTokens: 10, stream: true });
      rig.stop('router');
      await untilLetGo();
      rig.cont('router');
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
  test('[router-hang-s7] before it has told anybody that the request is over: its late word is refused and counted', async () => {
    const refused = (): Promise<number> =>
      rig.metric('b', 'baton_transfer_messages_refused_total', 'ended_ticket');
    const before = await refused();
    const { outcome } = await rig.meet('hang-s7', answering, { answerTokens: 6, stream: true });
    control.of('b').fault = { hold: 'up' };
    expect(await outcome).toMatchObject({ kind: 'right' });
    rig.stop('router');
    await untilLetGo();
    control.heal();
    rig.cont('router');
    await until('its settle is refused', async () => (await refused()) > before);
  });
});

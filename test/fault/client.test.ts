// Clients that leave in every stage of a request, or are as bad as networks are: nothing of theirs is left, and others go on.
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import {
  ALONE, answering, computing, decoding, engine, landed, reserving, SLOW, useRig, type There,
} from '../support/fault-rig.ts'; // prettier-ignore
import { Proxies } from '../support/proxies.ts';
import { TENANT } from '../support/deployment.ts';

let between: FaultProxy;
const control = new Proxies('a', 'b');
const rig = useRig({
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('decode-0', 'decode', 'b', { compute_us_per_layer: 500, pages: 4096 }),
    ALONE,
  ],
  router: {
    timeouts: { request_ms: 30_000, handoff_idle_ms: 4000, lease_ms: 3000, client_stall_ms: 1500 },
    placement: { mode: 'disaggregated' },
  },
  proxies: control,
  ready: async (cluster) => {
    between = await startFaultProxy({ target: cluster.routerUrl.replace('http://', '') });
  },
  close: () => {
    between.close();
  },
});
afterEach(() => {
  between.fault = {};
});
const url = (): string => `http://${between.address}`;

describe('leaving', () => {
  test('[client-leave-s0] while its body arrives: nothing is held for it', async () => {
    const socket = await open();
    socket.write(`${head(1000)}{"model":`);
    await rig.untilMetric('router', 'baton_router_requests_in_flight', (value) => value === 1);
    socket.destroy();
    await rig.untilMetric('router', 'baton_router_requests_in_flight', (value) => value === 0);
  });
  test.each([
    ['s2', 'while room is reserved', reserving],
    ['s3', 'before anything has landed', computing],
    ['s4', 'while chunks stream', landed(1)],
    ['s5', 'before its first token', decoding],
    ['s6', 'while its tokens stream', answering],
  ] as [string, string, There][])(
    '[client-leave-%s] %s: both sides are freed',
    async (stage, _name, there) => {
      const leaving = new AbortController();
      if (stage === 's2') control.of('a').fault = { hold: 'down' };
      const { outcome } = await rig.meet(`leave-${stage}`, there, {
        maxTokens: 6000,
        stream: true,
        signal: leaving.signal,
      });
      leaving.abort();
      expect(await outcome).toMatchObject({ kind: 'cut' });
      expect((await rig.ended(`leave-${stage}`)).code).toBe('client_closed');
    },
  );
  test('[client-reset-s6] by a reset, many at once', async () => {
    const prompts = await Promise.all(Array.from({ length: 6 }, () => rig.prompt(256)));
    const outcomes = prompts.map((prompt) => rig.ask(prompt, { url: url(), stream: true, maxTokens: 6000 }));
    await rig.untilMetric('router', 'baton_router_requests_in_flight', (value) => value === 6);
    between.cut();
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ kind: 'cut' });
  });
});

describe('on a bad network', () => {
  test('[client-delay-s6] late: its answer is whole', async () => {
    between.fault = { delayMs: 200 };
    expect(await rig.ask(await rig.prompt(512, 20), { url: url(), stream: true })).toMatchObject({
      kind: 'right',
    });
  });
  test('[client-throttle-s6] slow: it gets its answer at its pace', async () => {
    between.fault = { bytesPerS: 20_000 };
    expect(await rig.ask(await rig.prompt(512, 20), { url: url(), stream: true })).toMatchObject({
      kind: 'right',
    });
  });
  test('[client-half-close-s3] it ends its sending side while it waits: it counts as gone, and no half answer comes', async () => {
    const { outcome } = await rig.meet('half-close', computing, { url: url() });
    between.halfClose('up');
    expect(await outcome).toMatchObject({ kind: 'cut', tokens: 0 });
    expect((await rig.ended('half-close')).code).toBe('client_closed');
  });
});

const head = (length: number): string =>
  `POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TENANT.key}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(rig.cluster.routerUrl).port), '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

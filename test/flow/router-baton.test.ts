// Handoffs through a real router: mock engines over HTTP, transfer services in memory.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answerError,
  answerWell,
  event,
  startMockEngine,
  type MockEngine,
} from '#test/support/mock-engine.ts';
import { hex } from '#core/ids.ts';
import { fakeServices, type FakeService } from '#test/support/fake-service.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';

let engines: { p1: MockEngine; p2: MockEngine; d1: MockEngine; d2: MockEngine };
let router: TestRouter;
let source: FakeService;
let target: FakeService;
let target2: FakeService;

const prompt = Array.from({ length: 600 }, (_, i) => i % 250);
const body = { model: 'mock', prompt, max_tokens: 4, stop: ['x'], stream: false };
const baton = (json: Record<string, unknown>): { ticket: string; root: string; role: string } =>
  (json['kv_transfer_params'] as { baton: { ticket: string; root: string; role: string } }).baton;

beforeEach(async () => {
  const [p1, p2, d1, d2] = await Promise.all([
    startMockEngine(),
    startMockEngine(),
    startMockEngine(),
    startMockEngine(),
  ]);
  engines = { p1, p2, d1, d2 };
  await start({});
});

/** With the bounds that a story needs; the others are far away, so that a slow machine tells the same one. */
async function start(timeouts: Record<string, number>): Promise<void> {
  const { p1, p2, d1, d2 } = engines;
  const services = fakeServices();
  router = await startRouter(
    {
      services: ['a', 'b', 'c'].map((node) => ({ node, address: 'unused:1' })),
      engines: [
        { name: 'p1', url: p1.url, node: 'a', role: 'prefill', model: 'mock' },
        { name: 'd1', url: d1.url, node: 'b', role: 'decode', model: 'mock' },
        // Placed last as long as the others are there: they answer nothing faster but are chosen by exclusion only.
        { name: 'p2', url: p2.url, node: 'a', role: 'prefill', model: 'mock' },
        { name: 'd2', url: d2.url, node: 'c', role: 'decode', model: 'mock' },
      ],
      placement: { mode: 'disaggregated' },
      timeouts,
    },
    {},
    {
      makeLink: services.makeLink,
      random: { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), unit: () => 0 },
    },
  );
  source = services.of('a');
  target = services.of('b');
  target2 = services.of('c');
  source.connect(['p1', 'p2']);
  target.connect(['d1']);
  target2.connect(['d2']);
  // Prefill engines compute; their node sends; the target lands.
  for (const engine of [p1, p2]) {
    engine.script = async (seen) => {
      for (const service of [target, target2]) service.progress(baton(seen.json).ticket, 'target', 'landed');
      await answerWell(seen);
    };
  }
}

async function startWith(timeouts: Record<string, number>): Promise<void> {
  await router.close();
  await start(timeouts);
}

afterEach(async () => {
  await router.close();
  await Promise.all(Object.values(engines).map((engine) => engine.kill().catch(() => undefined)));
});

const ids = (): string => `r${Math.random().toString(36).slice(2)}`;

describe('a handoff', () => {
  test('reserves at both ends, sends both legs, and settles', async () => {
    const id = ids();
    const response = await router.post('/v1/completions', body, { 'x-request-id': id });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ choices: [{ text: 'hello world' }] });
    const [prefill] = engines.p1.requests;
    const [decode] = engines.d1.requests;
    const { ticket, root } = baton(prefill?.json ?? {});
    expect(prefill?.json).toMatchObject({ max_tokens: 1, n: 1, stream: false, prompt, cache_salt: root });
    expect(prefill?.json).not.toHaveProperty('stop');
    expect(decode?.json).toMatchObject({ max_tokens: 4, stop: ['x'], prompt, cache_salt: root });
    expect(baton(decode?.json ?? {})).toEqual({ ticket, root, role: 'decode' });
    expect(target.opened[0]).toMatchObject({
      engine: 'd1',
      sourceNode: 'a',
      sourceEngine: 'p1',
      sourceIncarnation: 1n,
    });
    expect(source.expected[0]).toMatchObject({ engine: 'p1', targetNode: 'b', epoch: 1 });
    expect([...(source.expected[0]?.need ?? [])]).toEqual([1, 1, 1]);
    expect(target.verbs(ticket).filter((verb) => verb !== 'renew')).toEqual(['settle']);
    expect(prefill?.headers['x-request-id']).toBe(id);
  });

  test('starts the decode leg when everything has landed, before the prefill leg has answered', async () => {
    let release: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => (release = resolve));
    engines.p1.script = async (seen) => {
      target.progress(baton(seen.json).ticket, 'target', 'landed');
      await answered;
      await answerWell(seen);
    };
    const response = await router.post('/v1/completions', body);
    expect(response.status).toBe(200);
    release();
    expect(engines.d1.requests).toHaveLength(1);
  });

  test('goes without a prefill leg when the target holds everything', async () => {
    await router.post('/v1/completions', body);
    target.store(target.opened[0]?.keys ?? new Uint8Array(0));
    const response = await router.post('/v1/completions', body);
    expect(response.status).toBe(200);
    expect(engines.p1.requests).toHaveLength(1);
    expect(engines.d1.requests).toHaveLength(2);
    expect(source.expected).toHaveLength(1);
  });

  test('sends only what the target lacks, and says in its explanation what the source held', async () => {
    await router.post('/v1/completions', body);
    const keys = target.opened[0]?.keys ?? new Uint8Array(0);
    target.store(keys.subarray(0, 32));
    source.store(keys.subarray(0, 64));
    const response = await router.post('/v1/completions', body, { 'x-baton-explain': '1' });
    expect([...(source.expected[1]?.need ?? [])]).toEqual([0, 1, 1]);
    const decision = JSON.parse(response.headers.get('x-baton-decision') ?? '{}') as Record<string, unknown>;
    expect(decision).toMatchObject({
      chosen: { kind: 'disaggregated', prefill: 'p1', decode: 'd1', cached_tokens: 512 },
      match: { a: 512, b: 256 },
      prompt_tokens: 600,
    });
  });

  test('keeps its lease while the request lives', async () => {
    await startWith({ lease_ms: 300 });
    engines.d1.script = async (seen) => {
      const { ticket } = baton(seen.json);
      while (!target.verbs(ticket).includes('renew')) await new Promise(setImmediate);
      await answerWell(seen);
    };
    expect((await router.post('/v1/completions', body)).status).toBe(200);
  });

  test('shows its timeline in one clock once both ends have reported', async () => {
    const id = ids();
    await router.post('/v1/completions', body, { 'x-request-id': id });
    const { ticket } = baton(engines.p1.requests[0]?.json ?? {});
    const ms = 1_000_000n;
    const layer = (computedFirst: bigint, computed: bigint, out: bigint, landed: bigint, scattered: bigint) => ({
      computedFirst, computed, out, landed, scattered,
    }); // prettier-ignore
    source.report(ticket, 'source', 'settled', {
      layers: [layer(1000n * ms, 1002n * ms, 1003n * ms, 0n, 0n)],
      bytesOut: 64,
    });
    target.report(ticket, 'target', 'settled', {
      layers: [layer(0n, 0n, 0n, 505n * ms, 506n * ms)],
      clockOffsetNs: 500n * ms,
      bytesIn: 64,
    });
    expect(await router.journey(id)).toMatchObject({
      code: 'ok',
      prompt_tokens: 600,
      ticket: {
        id: ticket, state: 'settled', bytes_in: 64, transfer_ms: 2, exposed_ms: 3,
        layers: [{ computed_first_ms: 0, computed_ms: 2, out_ms: 3, landed_ms: 5, scattered_ms: 6 }],
      },
    }); // prettier-ignore
  });
});

describe('a failed handoff is placed again', () => {
  test('when the target has no room: at another target', async () => {
    target.refuseOpen = 'target_full';
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(engines.d2.requests).toHaveLength(1);
    expect(target.said).toEqual([]);
  });

  test('when the source refuses: the target is aborted, no leg was sent', async () => {
    source.refuseExpect = 'no_attachment';
    const response = await router.post('/v1/completions', body, { 'x-baton-explain': '1' });
    expect(response.status).toBe(200);
    expect(engines.p1.requests.length + engines.p2.requests.length).toBe(0);
    expect(response.headers.get('x-baton-decision')).toContain('fallback: no pair is left');
    const ticket = Buffer.from(target.opened[0]?.ticket ?? []).toString('hex');
    expect(target.verbs(ticket)).toEqual(['abort']);
  });

  test('when the prefill engine answers 500: on another, with the ticket aborted at both ends', async () => {
    engines.p1.script = answerError(500, 'boom');
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(engines.p2.requests).toHaveLength(1);
    const { ticket } = baton(engines.p1.requests[0]?.json ?? {});
    expect([target.verbs(ticket), source.verbs(ticket)]).toEqual([['abort'], ['abort']]);
    expect(baton(engines.p2.requests[0]?.json ?? {}).ticket).not.toBe(ticket);
  });

  test('when the prefill engine dies: what has landed is not computed again', async () => {
    engines.p1.script = async (seen) => {
      target.store(target.opened[0]?.keys.subarray(0, 32) ?? new Uint8Array(0));
      seen.response.destroy();
      await engines.p1.kill();
    };
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect([...(source.expected[1]?.need ?? [])]).toEqual([0, 1, 1]);
    expect(engines.p2.requests).toHaveLength(1);
  });

  test('when nothing moves for the idle bound', async () => {
    await startWith({ handoff_idle_ms: 400 });
    engines.p1.script = () => undefined;
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    await engines.p1.requests[0]?.closedEarly;
    expect(engines.p2.requests).toHaveLength(1);
  });

  test.each(['source_full', 'digest_mismatch', 'lane_lost', 'expired'])(
    'when the ticket ends by %s',
    async (reason) => {
      engines.p1.script = (seen) => {
        target.progress(
          baton(seen.json).ticket,
          'target',
          reason === 'expired' ? 'expired' : 'failed',
          reason,
        );
      };
      expect((await router.post('/v1/completions', body)).status).toBe(200);
      expect(engines.p2.requests).toHaveLength(1);
    },
  );

  test('when the control stream to the target ends', async () => {
    const landing = engines.p1.script;
    engines.p1.script = () => {
      engines.p1.script = landing;
      target.disconnect();
    };
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(engines.d2.requests).toHaveLength(1);
  });

  test('when the prefill engine drains: on another, which the next requests go to at once', async () => {
    engines.p1.script = answerError(503, 'shutting_down');
    engines.p1.healthy = false;
    for (let i = 0; i < 2; i++) expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect([engines.p1.requests.length, engines.p2.requests.length]).toEqual([1, 2]);
  });

  test('when the decode engine fails before its first token', async () => {
    engines.d1.script = answerError(503, 'busy');
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(engines.d2.requests).toHaveLength(1);
    const { ticket } = baton(engines.d1.requests[0]?.json ?? {});
    expect(target.verbs(ticket).filter((verb) => verb !== 'renew')).toEqual(['abort']);
  });
});

describe('a handoff that must not be repeated', () => {
  test('goes local after a key mismatch, and repeated ones switch naming off', async () => {
    for (const engine of [engines.p1, engines.p2]) {
      engine.script = (seen) => {
        source.progress(baton(seen.json).ticket, 'source', 'failed', 'key_mismatch');
      };
    }
    for (let i = 0; i < 4; i++) expect((await router.post('/v1/completions', body)).status).toBe(200);
    const decoded = [...engines.d1.requests, ...engines.d2.requests];
    expect(decoded.map(({ json }) => json['kv_transfer_params'])).toEqual(new Array(4).fill(undefined));
    expect(engines.p1.requests.length + engines.p2.requests.length).toBe(3);
    const metrics = await (await router.admin('/metrics')).text();
    expect(metrics).toContain('baton_router_key_mismatches_total{model="mock"} 3');
    expect(metrics).toContain('baton_router_rendering_off{model="mock"} 1');
  });

  test('relays the refusal of a prefill engine', async () => {
    engines.p1.script = answerError(422, 'strange_parameter');
    const response = await router.post('/v1/completions', body);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: { code: 'strange_parameter' } });
    expect(engines.p2.requests).toHaveLength(0);
  });

  test('ends with the last failure when every target is full and local fails too', async () => {
    target.refuseOpen = target2.refuseOpen = 'target_full';
    engines.d1.script = engines.d2.script = answerError(500, 'boom');
    const response = await router.post('/v1/completions', body);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'decode_failed' } });
  });
});

describe('a client that leaves', () => {
  test('during the prefill leg closes it and aborts the ticket', async () => {
    engines.p1.script = () => undefined;
    const controller = new AbortController();
    const arrived = engines.p1.next();
    const request = fetch(`${router.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    }).catch(() => undefined);
    const seen = await arrived;
    controller.abort();
    await request;
    await seen.closedEarly;
    const { ticket } = baton(seen.json);
    expect([target.verbs(ticket), source.verbs(ticket)]).toEqual([['abort'], ['abort']]);
    expect(engines.d1.requests).toHaveLength(0);
  });

  test.each(['open', 'expect'] as const)(
    'while %s is not answered ends the ticket at once at every end that was asked',
    async (what) => {
      const service = what === 'open' ? target : source;
      service.answering = new Promise(() => undefined); // never
      const asked = new Promise<string>((resolve) => {
        target.onOpen = ({ ticket }) => { if (what === 'open') resolve(hex(ticket)); };
        source.onExpect = ({ ticket }) => { resolve(hex(ticket)); };
      });
      const controller = new AbortController();
      const id = ids();
      const request = fetch(`${router.url}/v1/completions`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', 'x-request-id': id },
        signal: controller.signal,
      }).catch(() => undefined);
      const ticket = await asked;
      controller.abort();
      await request;
      expect(await router.journey(id)).toMatchObject({ code: 'client_closed' });
      const verbs = [target.verbs(ticket), source.verbs(ticket)];
      expect(verbs).toEqual(what === 'open' ? [['abort'], []] : [['abort'], ['abort']]);
      expect(engines.p1.requests).toHaveLength(0);
    },
  ); // prettier-ignore

  test('during the decode leg closes it and aborts the ticket', async () => {
    engines.d1.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('hello'));
    };
    const controller = new AbortController();
    const arrived = engines.d1.next();
    const response = await fetch(`${router.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...body, stream: true }),
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    });
    expect(response.status).toBe(200);
    const seen = await arrived;
    controller.abort();
    await seen.closedEarly;
    expect(target.verbs(baton(seen.json).ticket)).toContain('abort');
  });
});

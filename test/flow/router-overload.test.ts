// More load than there is room for: who is refused, when, and what a slow client costs.
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '#core/clock.ts';
import {
  answerError,
  answerWell,
  event,
  startMockEngine,
  type MockEngine,
} from '#test/support/mock-engine.ts';
import { metricAt } from '#test/support/metrics.ts';
import { until } from '#test/support/ready.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

let engine: MockEngine;
let router: TestRouter;
const chat = { model: 'mock', messages: [{ role: 'user', content: 'hi' }] };

const start = async (
  more: Record<string, unknown> = {},
  top: Record<string, unknown> = {},
  clock: Clock = systemClock,
): Promise<void> => {
  router = await startRouterBefore(engine, more, top, { clock });
};
const metric = (name: string): Promise<number> => metricAt(router.adminUrl, `baton_router_${name}`);

beforeEach(async () => {
  engine = await startMockEngine();
});

afterEach(async () => {
  await router.close();
  await engine.kill().catch(() => undefined);
});

describe('a prompt whose first token would come too late', () => {
  const prompt = Array.from({ length: 4000 }, (_, i) => i);
  const send = (): Promise<Response> => router.post('/v1/completions', { model: 'mock', prompt });

  test('is refused before any engine sees it, and told when to come again', async () => {
    await start({ placement: { mode: 'local', prefill_tokens_per_s: 1000, first_token_ms: 1500 } });
    const response = await send();
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ error: { code: 'overloaded' } });
    // 4 000 tokens at 1 000 a second, half as much again for those that it delays; 1.5 s are allowed.
    expect(response.headers.get('retry-after')).toBe('5');
    expect(engine.requests).toEqual([]);
    expect(await metric('shed_total')).toBe(1);
    expect(await metric('requests_in_flight')).toBe(0);
  });

  test('is served where it comes in time', async () => {
    await start({ placement: { mode: 'local', prefill_tokens_per_s: 1000, first_token_ms: 7000 } });
    expect((await send()).status).toBe(200);
  });

  test('is refused where the request itself would have ended by then', async () => {
    await start({ placement: { mode: 'local', prefill_tokens_per_s: 1000 }, timeouts: { request_ms: 5000 } });
    expect((await send()).status).toBe(429);
  });
});

describe('a prompt that finds no room to decode in', () => {
  // A prompt of 60 and an answer of 20 take 80 of 100 tokens.
  const body = {
    model: 'mock',
    prompt: Array.from({ length: 60 }, (_, i) => i),
    max_tokens: 20,
    stream: true,
  };
  const send = (): Promise<Response> => router.post('/v1/completions', body);
  let later = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + later };
  let release: () => void;

  /** One answer has taken 10 s, half a second for each token that it was allowed; another one has just begun. */
  const startBusy = async (placement: Record<string, unknown>): Promise<Response> => {
    const engines = [{ name: 'e1', url: engine.url, role: 'both', model: 'mock', kv_tokens: 100 }];
    await start({ engines, placement: { mode: 'local', ...placement } }, {}, clock);
    engine.script = async ({ response }) => {
      const released = new Promise<void>((resolve) => (release = resolve));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('a'));
      await released;
      response.end('data: [DONE]\n\n');
    };
    const first = await send();
    later += 10_000;
    release();
    await first.text();
    await until('it has ended', async () => (await metric('requests_in_flight')) === 0);
    return send();
  };

  test('in time is refused before any engine sees it, and told when to come again', async () => {
    const running = await startBusy({ first_token_ms: 4000 });
    const response = await send();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'no_room' } });
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await metric('shed_total')).toBe(1);
    expect(engine.requests).toHaveLength(2);
    release();
    await running.text();
  });

  test('at once waits in the engine where there will be some in time, but not behind more than the bound', async () => {
    const running = await startBusy({ first_token_ms: 20_000 });
    const letFirst = release;
    const waiting = send();
    await until('it is at the engine', () => engine.requests.length === 3);
    const refused = await send();
    expect([refused.status, engine.requests.length]).toEqual([503, 3]);
    letFirst();
    await running.text();
    release();
    expect((await waiting).status).toBe(200);
  });

  test('at once is refused where nothing may be promised ahead', async () => {
    const running = await startBusy({ first_token_ms: 20_000, room_ahead: 0 });
    expect((await send()).status).toBe(503);
    release();
    await running.text();
  });
});

describe('when every attempt fails', () => {
  test('retries stay a share of the requests', async () => {
    const engines = ['e1', 'e2', 'e3'].map((name) => ({
      name,
      url: engine.url,
      role: 'both',
      model: 'mock',
    }));
    await start({ engines, limits: { attempts: 3 } });
    engine.script = answerError(500, 'boom');
    const requests = 120;
    for (let i = 0; i < requests; i++) await (await router.post('/v1/chat/completions', chat)).text();
    // 50 saved up, and a fifth of a retry earned by each request.
    const retries = engine.requests.length - requests;
    expect(retries).toBeGreaterThan(50);
    expect(retries).toBeLessThanOrEqual(50 + requests / 5);
    expect(await metric('retries_refused_total')).toBeGreaterThan(0);
  });
});

describe('tenants', () => {
  const keys = { a: 'key-of-a', b: 'key-of-b' };
  const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
  const tenants = Object.entries(keys).map(([name, key]) => ({ name, secret: `secret-of-${name}-32-bytes-long-enough`, keys: [sha(key)] })); // prettier-ignore
  const send = (tenant: keyof typeof keys): Promise<Response> =>
    router.post('/v1/chat/completions', chat, { authorization: `Bearer ${keys[tenant]}` });

  test('do not take each other’s share: who asks gets in as soon as anybody’s request ends', async () => {
    await start({ limits: { requests: 4 } }, { tenants });
    const held: (() => void)[] = [];
    engine.script = async (seen) => {
      await new Promise<void>((resolve) => held.push(resolve));
      await answerWell(seen);
    };
    const flood = Array.from({ length: 4 }, () => send('a'));
    await until('four are held', () => held.length === 4);
    const refused = await send('b');
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, 5]);
    held.shift()?.();
    await flood[0];
    await until('one has left', async () => (await metric('requests_in_flight')) === 3);
    const again = await send('a');
    expect(again.status).toBe(429);
    expect(await again.text()).toContain('for this tenant');
    const served = send('b');
    await until('it is held', () => held.length === 4);
    for (const release of held.splice(0)) release();
    expect((await served).status).toBe(200);
    for (const one of flood) expect((await one).status).toBe(200);
  });
});

describe('a client that reads nothing of its stream', () => {
  const endless: MockEngine['script'] = async ({ response, closedEarly }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const text = event('x'.repeat(32 * 1024));
    while (!response.destroyed)
      if (!response.write(text)) await Promise.race([once(response, 'drain'), closedEarly]);
  };

  test('[client-hold-s6] is cut after its bound, which ends its leg; others go on meanwhile', async () => {
    await start({ timeouts: { client_stall_ms: 300 } });
    engine.script = (seen) => (seen.json['user'] === 'slow' ? endless(seen) : answerWell(seen));
    const leg = engine.next();
    const body = JSON.stringify({ ...chat, stream: true, user: 'slow' });
    const { port } = new URL(router.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-request-id: slow\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const { closedEarly } = await leg;
    const other = await router.post('/v1/chat/completions', { ...chat, stream: true });
    expect(await other.text()).toContain('[DONE]');
    await closedEarly;
    expect(await router.journey('slow')).toMatchObject({ code: 'client_closed' });
    expect(await metric('clients_cut_total')).toBe(1);
    expect(await metric('requests_in_flight')).toBe(0);
    socket.destroy();
  });
});

// What clients get when something is wrong: with their request, with the engine, with the load.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answerError,
  answerWell,
  event,
  startMockEngine,
  type MockEngine,
} from '#test/support/mock-engine.ts';
import { raw } from '#test/support/raw-client.ts';
import { until } from '#test/support/ready.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

let engine: MockEngine;
let router: TestRouter;
const messages = [{ role: 'user', content: 'hi' }];
const chat = { model: 'mock', messages };
const SSE = { 'content-type': 'text/event-stream' };

const start = async (
  more: Record<string, unknown> = {},
  top: Record<string, unknown> = {},
): Promise<void> => {
  router = await startRouterBefore(engine, more, top);
};

beforeEach(async () => {
  engine = await startMockEngine();
});

afterEach(async () => {
  await router.close();
  await engine.kill().catch(() => undefined);
});

describe('a request that the client must mend', () => {
  test.each([
    ['bad JSON', '{"model":', 400, 'invalid_json', null],
    ['an array', '[]', 400, 'invalid_json', null],
    [
      'too deep',
      `{"model":"mock","messages":${'['.repeat(100)}${']'.repeat(100)}}`,
      400,
      'invalid_json',
      null,
    ],
    ['a duplicate key', '{"model":"mock","model":"mock","messages":[]}', 400, 'duplicate_key', 'model'],
    [
      'a duplicate key in disguise',
      '{"model":"mock","m\\u006fdel":"x","messages":[]}',
      400,
      'duplicate_key',
      'model',
    ],
    ['no model', { messages }, 400, 'missing_field', 'model'],
    ['no messages', { model: 'mock' }, 400, 'missing_field', 'messages'],
    ['a wrong type', { ...chat, stream: 'yes' }, 400, 'invalid_type', 'stream'],
    ['a wrong message', { ...chat, messages: [{ role: 7 }] }, 400, 'invalid_type', 'messages.0.role'],
    ['out of range', { ...chat, temperature: 3 }, 400, 'invalid_type', 'temperature'],
    ['zero tokens', { ...chat, max_tokens: 0 }, 400, 'invalid_type', 'max_tokens'],
    ['too many choices', { ...chat, n: 17 }, 400, 'invalid_type', 'n'],
    ['an unsupported parameter', { ...chat, audio: {} }, 400, 'unsupported_parameter', 'audio'],
    ['an unknown model', { ...chat, model: 'other' }, 404, 'model_not_found', 'model'],
  ])('with %s', async (_, body, status, code, param) => {
    await start();
    const response = await router.post('/v1/chat/completions', body);
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(error).toMatchObject({ code, param });
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(engine.requests).toEqual([]);
  });

  test('with too many tokens', async () => {
    await start({ models: [{ name: 'mock', max_model_len: 8 }] });
    const response = await router.post('/v1/completions', {
      model: 'mock',
      prompt: [1, 2, 3, 4, 5],
      max_tokens: 4,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: 'context_length_exceeded', param: 'max_tokens' },
    });
  });

  test.each([
    ['declared', (bytes: string) => bytes],
    ['found while reading', (bytes: string) => new Blob([bytes]).stream()],
  ])('with an oversized body, %s', async (_, shape) => {
    await start({ limits: { body_bytes: 1000 } });
    const response = await fetch(`${router.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: shape(' '.repeat(100_000)),
      duplex: 'half',
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'body_too_large' } });
  });

  test('with oversized headers', async () => {
    await start();
    const answer = await raw(
      router.url,
      `GET /v1/models HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(40_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 .*"code":"headers_too_large"/s);
  });

  test('at a path that does not exist, or with another method', async () => {
    await start();
    expect((await router.get('/v1/nothing')).status).toBe(404);
    const response = await router.get('/v1/chat/completions');
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await router.post('/v1/models', {})).status).toBe(405);
    expect((await router.get('/v1/models/other')).status).toBe(404);
  });

  test('without a key of a configured tenant', async () => {
    const keys = ['2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683']; // of "key"
    await start({}, { tenants: [{ name: 'one', secret: 's'.repeat(32), keys }] });
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(401);
    expect((await router.post('/v1/chat/completions', chat, { authorization: 'Bearer no' })).status).toBe(
      401,
    );
    expect((await router.get('/v1/models')).status).toBe(401);
    expect((await router.post('/v1/chat/completions', chat, { authorization: 'Bearer key' })).status).toBe(
      200,
    );
  });

  test('is told what the engine says of it', async () => {
    await start();
    engine.script = answerError(400, 'strange');
    const response = await router.post('/v1/chat/completions', chat);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'strange' } });
    expect(engine.requests).toHaveLength(1);
  });
});

describe('what never reaches an engine', () => {
  test('are internal fields and headers of clients', async () => {
    await start({ trusted: [] });
    const text =
      '{"kv_transfer_params":{"do_remote_prefill":true},"model":"mock","seed":9007199254740993,"cache_salt":"mine","messages":[{"role":"user","content":"hi"}]}';
    const response = await router.post('/v1/chat/completions', text, {
      'x-baton-placement': 'disaggregated',
      'x-baton-explain': '1',
      'x-prefiller-host-port': 'evil:1',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-baton-decision')).toBeNull();
    const [seen] = engine.requests;
    expect(seen?.body).toMatch(
      /^\{"model":"mock","seed":9007199254740993,"cache_salt":"[0-9a-f]{64}","messages"/,
    );
    expect(Object.keys(seen?.headers ?? {}).filter((name) => name.startsWith('x-'))).toEqual([
      'x-request-id',
    ]);
  });

  test('is another tenant’s cache salt: the same prompt has another root for each', async () => {
    const hashes = {
      one: '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683',
      two: '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8',
    };
    const tenants = Object.entries(hashes).map(([name, key]) => ({
      name,
      secret: name.repeat(12),
      keys: [key],
    }));
    await start({}, { tenants });
    for (const key of ['key', 'password', 'key'])
      await router.post('/v1/chat/completions', chat, { authorization: `Bearer ${key}` });
    const [a, b, c] = engine.requests.map(({ json }) => json['cache_salt']);
    expect(a).toBe(c);
    expect(a).not.toBe(b);
  });
});

describe('an engine that fails', () => {
  test('before its answer makes the request fail with 502 when there is no other', async () => {
    await start();
    engine.script = answerError(500, 'boom');
    const response = await router.post('/v1/chat/completions', chat);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'decode_failed' } });
  });

  test('to take the request for now, as one that drains, makes it fail with 503 and Retry-After when there is no other', async () => {
    await start();
    engine.script = answerError(503, 'shutting_down');
    engine.healthy = false;
    const response = await router.post('/v1/chat/completions', chat);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: { code: 'engine_unavailable' } });
    // Left alone until its health says otherwise.
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(503);
    expect(engine.requests).toHaveLength(1);
    engine.script = answerWell;
    engine.healthy = true;
    await until('it is up again', async () => (await router.get('/health/ready')).status === 200);
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(200);
  });

  test('before its answer is replaced by another', async () => {
    const other = await startMockEngine();
    const entry = (name: string, url: string) => ({ name, url, role: 'both', model: 'mock' });
    await start({ engines: [entry('e1', engine.url), entry('e2', other.url)] });
    engine.script = other.script = ({ response }) => {
      engine.script = other.script = answerWell;
      response.destroy();
    };
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(200);
    expect([engine.requests.length, other.requests.length]).toEqual([1, 1]);
    await other.kill();
  });

  test('in its first event gives an error, not a 200', async () => {
    await start();
    engine.script = ({ response }) => {
      response.writeHead(200, SSE).end('data: {"error":{"message":"no","code":500}}\n\ndata: [DONE]\n\n');
    };
    expect((await router.post('/v1/chat/completions', { ...chat, stream: true })).status).toBe(502);
    engine.script = ({ response }) => {
      response.writeHead(200, SSE).end(': hello\n\ndata: {"error":{"message":"no","code":400}}\n\n');
    };
    const refused = await router.post('/v1/chat/completions', { ...chat, stream: true });
    expect([refused.status, await refused.json()]).toEqual([400, { error: { message: 'no', code: 400 } }]);
  });

  test.each([
    [
      'by a reset',
      (response: { destroy(): void }) => {
        response.destroy();
      },
    ],
    [
      'by an end without [DONE]',
      (response: { end(): void }) => {
        response.end();
      },
    ],
  ])('after the first token ends the stream with an error event and no [DONE]: %s', async (_, break_) => {
    await start();
    engine.script = ({ response }) => {
      response.writeHead(200, SSE);
      response.write(event('hello'), () => {
        break_(response);
      });
    };
    const response = await router.post('/v1/chat/completions', { ...chat, stream: true });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toMatch(/hello.*\n\ndata: \{"error":\{.*"code":"decode_interrupted"\}\}\n\n$/s);
    expect(text).not.toContain('[DONE]');
  });

  test('by an error event of its own: it is the last thing that the client gets', async () => {
    await start();
    engine.script = ({ response }) => {
      response.writeHead(200, SSE);
      response.write(event('hello'));
      response.end('data: {"error":{"message":"mine"}}\n\ndata: [DONE]\n\n');
    };
    const text = await (await router.post('/v1/chat/completions', { ...chat, stream: true })).text();
    expect(text).toMatch(/\{"error":\{"message":"mine"\}\}\n\n$/);
  });

  test('by silence is given up after the first-token bound', async () => {
    await start({ timeouts: { first_token_ms: 50 } });
    engine.script = () => undefined;
    expect((await router.post('/v1/chat/completions', { ...chat, stream: true })).status).toBe(502);
    await engine.requests[0]?.closedEarly;
  });

  test('by silence where a whole answer is due is given up once its health says that it is down', async () => {
    await start({ timeouts: { first_token_ms: 50 } });
    engine.script = () => {
      engine.healthy = false;
    };
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(502);
    await engine.requests[0]?.closedEarly;
  });

  test('not by taking longer for a whole answer than for a first token', async () => {
    await start({ timeouts: { first_token_ms: 50 } });
    engine.script = () => undefined;
    const arrived = engine.next();
    const answer = router.post('/v1/chat/completions', chat);
    const seen = await arrived;
    // The coarse timer has passed the bound when a stream that began later has been given up by it.
    expect((await router.post('/v1/chat/completions', { ...chat, stream: true })).status).toBe(502);
    await answerWell(seen);
    expect((await answer).status).toBe(200);
    expect(engine.requests).toHaveLength(2);
  });

  test('by silence within a stream ends it with an error event', async () => {
    await start({ timeouts: { stream_idle_ms: 50 } });
    engine.script = ({ response }) => {
      response.writeHead(200, SSE).write(event('hello'));
    };
    const response = await router.post('/v1/chat/completions', { ...chat, stream: true });
    expect(await response.text()).toMatch(
      /hello.*\n\ndata: \{"error":\{.*"code":"decode_interrupted"\}\}\n\n$/s,
    );
    await engine.requests[0]?.closedEarly;
  });

  test('by taking longer than the request may ends in 504', async () => {
    await start({ timeouts: { request_ms: 50 } });
    engine.script = () => undefined;
    const response = await router.post('/v1/chat/completions', chat);
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
      504,
      'deadline_exceeded',
    ]);
    await engine.requests[0]?.closedEarly;
  });
});

describe('when there is no capacity', () => {
  test('no healthy engine gives 503 with Retry-After, and the router is not ready', async () => {
    engine.healthy = false;
    await start();
    const response = await router.post('/v1/chat/completions', chat);
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: { code: 'no_worker' } });
    expect((await router.get('/health/ready')).status).toBe(503);
    expect((await router.get('/health/live')).status).toBe(200);
  });

  test('[decode-noroom-s0] a prompt beyond the free KV room gives 503 no_room', async () => {
    await start({ engines: [{ name: 'e1', url: engine.url, role: 'both', model: 'mock', kv_tokens: 10 }] });
    const response = await router.post('/v1/completions', {
      model: 'mock',
      prompt: [1, 2, 3],
      max_tokens: 8,
    });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await response.json()).toMatchObject({ error: { code: 'no_room' } });
  });

  test.each([
    ['requests', { requests: 1 }],
    ['bytes', { in_flight_bytes: 150 }],
    ['tokens', { in_flight_tokens: 300 }],
  ])('the bound on %s in flight gives 429 with Retry-After, and is given back', async (_, limits) => {
    await start({ limits });
    engine.script = () => undefined;
    const arrived = engine.next();
    const first = router.post('/v1/chat/completions', chat);
    const seen = await arrived;
    const second = await router.post('/v1/chat/completions', { ...chat, user: 'x'.repeat(100) });
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '5']);
    await answerWell(seen);
    expect((await first).status).toBe(200);
    engine.script = answerWell;
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(200);
  });

  test('a draining router finishes what runs and refuses the rest', async () => {
    await start();
    engine.script = () => undefined;
    const arrived = engine.next();
    const first = router.post('/v1/chat/completions', chat);
    const seen = await arrived;
    const drained = router.drain();
    const refused = await router.post('/v1/chat/completions', chat);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await router.get('/health/ready')).status).toBe(503);
    await answerWell(seen);
    await drained;
    expect((await first).status).toBe(200);
  });
});

test('a client that leaves ends its leg', async () => {
  await start();
  engine.script = () => undefined;
  const arrived = engine.next();
  const controller = new AbortController();
  const gone = fetch(`${router.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(chat),
    signal: controller.signal,
  }).catch(() => 'gone');
  const seen = await arrived;
  controller.abort();
  await seen.closedEarly;
  expect(await gone).toBe('gone');
});

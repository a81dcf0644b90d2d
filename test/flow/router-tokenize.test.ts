// A model whose files the router does not have: its engine's /tokenize gives the ids that placement needs.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answerError,
  answerWell,
  startMockEngine,
  type MockEngine,
  type Script,
} from '#test/support/mock-engine.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';
import type { KvTransport } from '#router/kv-events/zeromq.ts';

let engine: MockEngine;
let router: TestRouter;
let tokenize: Script;
const body = { model: 'mock', messages: [{ role: 'user', content: 'hi' }], max_tokens: 4, temperature: 0.5 };
// As vLLM answers.
const tokens =
  (list: unknown): Script =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ count: 3, max_model_len: 4096, tokens: list, token_strs: null }));
  };
const silent: KvTransport = {
  subscribe: () => Promise.resolve({ close: () => undefined }),
  replay: () => Promise.resolve([]),
};

beforeEach(async () => {
  engine = await startMockEngine();
  tokenize = tokens([5, 6, 7]);
  engine.script = (seen) => (seen.path === '/tokenize' ? tokenize(seen) : answerWell(seen));
  const kv = { kv_events: { endpoint: 'tcp://127.0.0.1:1' } };
  const engines = [{ name: 'e', url: engine.url, role: 'both', model: 'mock', ...kv }];
  router = await startRouter(
    { engines, models: [{ name: 'mock', tokenize: true, max_model_len: 100 }] },
    {},
    { kvTransport: silent },
  );
});

afterEach(async () => {
  await router.close();
  await engine.kill();
});

const count = async (path = '/v1/chat/completions', sent: unknown = body): Promise<unknown> => {
  const id = `r${Math.random().toString(36).slice(2)}`;
  expect((await router.post(path, sent, { 'x-request-id': id })).status).toBe(200);
  return (await router.journey(id))['prompt_tokens'];
};
const asked = (): string[] =>
  engine.requests.filter(({ path }) => path === '/tokenize').map((seen) => seen.body);

describe('/tokenize of an engine', () => {
  test('is asked with what is the prompt and nothing else, as the client wrote it', async () => {
    const big =
      '{"temperature":0,"model":"mock","tools":[{"x":18446744073709551615}],"messages":[{"role":"user","content":"hi"}],"max_tokens":3}';
    expect(await count('/v1/chat/completions', big)).toBe(3);
    expect(await count('/v1/completions', { model: 'mock', prompt: 'hi', max_tokens: 3 })).toBe(3);
    expect(asked()).toEqual([
      '{"model":"mock","tools":[{"x":18446744073709551615}],"messages":[{"role":"user","content":"hi"}]}',
      '{"model":"mock","prompt":"hi"}',
    ]);
    // The engine renders what it computes: the ids are for placement.
    const computed = engine.requests.filter(({ path }) => path !== '/tokenize');
    expect(computed.map(({ json }) => json['prompt'] ?? json['messages'])).toEqual([
      [{ role: 'user', content: 'hi' }],
      'hi',
    ]);
  });

  test('is not asked for ids that are there, for several prompts and for what ids do not tell', async () => {
    await count('/v1/completions', { model: 'mock', prompt: [1, 2], max_tokens: 1 });
    await count('/v1/completions', { model: 'mock', prompt: ['a', 'b'], max_tokens: 1 });
    await count('/v1/chat/completions', { ...body, chat_template_kwargs: {} });
    expect(asked()).toEqual([]);
  });

  test('bounds what a model holds', async () => {
    tokenize = tokens(Array.from({ length: 99 }, () => 1));
    const response = await router.post('/v1/chat/completions', body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });

  test.each([
    ['answers an error', answerError(404, 'no')],
    ['answers no ids', tokens(['a'])],
    ['answers none', tokens([])],
    ['answers no JSON', ({ response }) => void response.end('hello')],
    ['breaks', ({ response }) => void response.destroy()],
  ] satisfies [string, Script][])('that %s leaves the prompt to the engine', async (_, script) => {
    tokenize = script;
    expect((await router.post('/v1/chat/completions', body)).status).toBe(200);
    expect(await (await router.admin('/metrics')).text()).toContain(
      'baton_router_tokenize_failures_total{model="mock"} 1',
    );
  });

  test('is left when the client leaves', async () => {
    tokenize = (seen) => seen.closedEarly;
    const controller = new AbortController();
    const arrived = engine.next();
    const request = fetch(`${router.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    }).catch(() => undefined);
    const seen = await arrived;
    controller.abort();
    await request;
    await seen.closedEarly;
    expect(engine.requests).toHaveLength(1);
  });
});

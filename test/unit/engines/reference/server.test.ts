import { request as httpRequest } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { settings } from '#core/settings.ts';
import { ENGINE_LIMITS } from '#engines/reference/limits.ts';
import { runEngine, type RunningEngine } from '#engines/reference/main.ts';
import { expectedTokens, FakeNative } from './fake-native.ts';

const ROOT = 'ab'.repeat(32);
let native: FakeNative;
let running: RunningEngine;
let openai: OpenAI;

beforeEach(async () => {
  const { engine } = settings.parse({
    engine: {
      port: 0,
      pages: 128,
      page_tokens: 16,
      max_model_len: 2048,
      check: true,
      max_batched_tokens: 512,
      drain_ms: 1000,
    },
  });
  native = new FakeNative(engine.pages, engine.page_tokens);
  running = await runEngine(engine, { createNative: () => native });
  openai = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterEach(async () => {
  await running.close();
});

const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 7) % 256);
const textOf = (tokens: readonly number[]): string =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(tokens));

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(running.url + path, { method: 'POST', body: sent, headers });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Answer,
  };
}

interface Answer {
  tokens?: number[];
  error?: { code: string; param: string | null; type: string };
  choices?: {
    text: string;
    token_ids: number[];
    prompt_token_ids: number[];
    finish_reason: string;
    stop_reason: string | null;
  }[];
  usage?: OpenAI.CompletionUsage;
  chunks?: { chunk: number; tokens: number; key: string; digests: string[]; loaded: boolean }[];
}

describe('the official client', () => {
  test('gets a chat answer, whole and streamed alike', async () => {
    const messages = [{ role: 'user' as const, content: 'hello' }];
    const whole = await openai.chat.completions.create({
      model: 'tiny',
      messages,
      max_completion_tokens: 20,
      temperature: 0,
    });
    const rendered = Uint32Array.from([256, 258, ...Buffer.from('hello'), 261, 259]);
    expect(whole.choices[0]?.message).toMatchObject({
      role: 'assistant',
      content: textOf(expectedTokens(rendered, 20)),
    });
    expect(whole.choices[0]?.finish_reason).toBe('length');
    expect(whole.usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 20, total_tokens: 29 });

    const stream = await openai.chat.completions.create({
      model: 'tiny', messages, max_completion_tokens: 20, temperature: 0, stream: true, stream_options: { include_usage: true },
    }); // prettier-ignore
    let text = '';
    const finishes: (string | null)[] = [];
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.choices[0]) finishes.push(chunk.choices[0].finish_reason);
      usage = chunk.usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(finishes.filter((finish) => finish !== null)).toEqual(['length']);
    expect(usage).toEqual(whole.usage);
  });

  test('gets several choices of several prompts, each under its index', async () => {
    const answer = await openai.completions.create({
      model: 'tiny',
      prompt: ['ab', 'cd'],
      n: 2,
      max_tokens: 4,
      temperature: 0,
    });
    const expected = ['ab', 'ab', 'cd', 'cd'].map((text) =>
      textOf(expectedTokens(Uint32Array.from(Buffer.from(text)), 4)),
    );
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual(
      expected.map((text, i) => [i, text]),
    );
    expect(answer.usage?.prompt_tokens).toBe(4);
  });

  test('sees a refusal as its own error class', async () => {
    const refused = openai.chat.completions.create({
      model: 'other',
      messages: [{ role: 'user', content: 'x' }],
    });
    await expect(refused).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  test('lists the model', async () => {
    const page = await openai.models.list();
    expect(page.data.map(({ id }) => id)).toEqual(['tiny']);
  });
});

test('token ids go in and, on request, come out', async () => {
  const { json, headers } = await post(
    '/v1/completions',
    { model: 'tiny', prompt: ids(40), max_tokens: 6, temperature: 0, return_token_ids: true },
    { 'x-request-id': 'mine-1' },
  );
  expect(json.choices?.[0]?.token_ids).toEqual(expectedTokens(Uint32Array.from(ids(40)), 6));
  expect(json.choices?.[0]?.prompt_token_ids).toEqual(ids(40));
  expect(headers.get('x-request-id')).toBe('mine-1');
});

test("a router's rendering is compared, and the engine's own is what counts", async () => {
  const { metrics } = running.engine.parts;
  const compared = (agreed: string) => metrics.value('baton_engine_renderings_compared_total', { agreed });
  const chat = { model: 'tiny', messages: [{ role: 'user', content: 'hello' }] };
  const completion = { model: 'tiny', prompt: 'hello' };
  for (const [path, body] of [['/v1/chat/completions', chat], ['/v1/completions', completion]] as const) {
    const own = (await post('/tokenize', body)).json.tokens;
    const asked = async (sent: unknown) => {
      const { json } = await post(path, {
        ...body, max_tokens: 3, temperature: 0, return_token_ids: true,
        kv_transfer_params: { baton: { root: ROOT, rendered: sent } },
      });
      return json.choices?.[0]?.token_ids;
    };
    const right = expectedTokens(Uint32Array.from(own ?? []), 3);
    expect(await asked(own)).toEqual(right);
    expect(await asked(ids(40))).toEqual(right);
    expect(await asked([1 << 30])).toEqual(right);
    expect(await asked('no list')).toBeUndefined();
  }
  expect(await compared('true')).toBe(2);
  expect(await compared('false')).toBe(4);
}); // prettier-ignore

test('a stop string ends the answer before it', async () => {
  const tokens = expectedTokens(Uint32Array.from(ids(10)), 200);
  const text = textOf(tokens);
  const at = text.search(/[a-z0-9]/i);
  const stop = text.slice(at, at + 2);
  const { json } = await post('/v1/completions', {
    model: 'tiny',
    prompt: ids(10),
    max_tokens: 200,
    temperature: 0,
    stop: [stop],
  });
  expect(json.choices?.[0]).toMatchObject({
    text: text.slice(0, text.indexOf(stop)),
    finish_reason: 'stop',
    stop_reason: stop,
  });
});

test('cached tokens are told, and only requests of the same root share them', async () => {
  const body = (root: string) => ({
    model: 'tiny',
    prompt: ids(100),
    max_tokens: 1,
    kv_transfer_params: { baton: { root } },
  });
  await post('/v1/completions', body(ROOT));
  const again = await post('/v1/completions', body(ROOT));
  expect(again.json.usage?.prompt_tokens_details?.cached_tokens).toBe(96);
  const other = await post('/v1/completions', body('cd'.repeat(32)));
  expect(other.json.usage?.prompt_tokens_details?.cached_tokens).toBe(0);
});

test('digests of a named request can be read by its id', async () => {
  const named = { kv_transfer_params: { baton: { root: ROOT } } };
  await post(
    '/v1/completions',
    { model: 'tiny', prompt: ids(300), max_tokens: 1, ...named },
    { 'x-request-id': 'd1' },
  );
  const answer = (await (await fetch(`${running.url}/debug/digests/d1`)).json()) as Answer;
  expect(answer.chunks?.map(({ chunk, tokens, loaded }) => [chunk, tokens, loaded])).toEqual([
    [0, 256, false],
    [1, 44, false],
  ]);
  expect((await fetch(`${running.url}/debug/digests/other`)).status).toBe(404);
});

test('a client that goes away ends its request', async () => {
  const gate = Promise.withResolvers<undefined>();
  native.stepGate = gate.promise;
  const call = httpRequest(`${running.url}/v1/completions`, { method: 'POST' });
  call.on('error', () => undefined);
  call.end(JSON.stringify({ model: 'tiny', prompt: ids(40), max_tokens: 1000 }));
  while (running.engine.load.running === 0) await setImmediate();
  const closed = new Promise((resolve) => call.once('close', resolve));
  call.destroy();
  await closed;
  gate.resolve(undefined);
  while (running.engine.load.running > 0) await setImmediate();
  expect(native.steps.length).toBeLessThan(900);
  expect(running.engine.load).toEqual({ waiting: 0, loading: 0, running: 0, pagesUsed: 0 });
});

test('a failure before the first token has a status, and after it an error event without [DONE]', async () => {
  native.stepError = new Error('broken');
  const before = await post('/v1/completions', { model: 'tiny', prompt: 'x', stream: true });
  expect([before.status, before.json.error?.code]).toEqual([500, 'internal']);
  native.stepError = null;
  const response = await fetch(`${running.url}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'tiny', prompt: 'x', stream: true, max_tokens: 1000 }),
  });
  native.stepError = new Error('broken');
  const text = await response.text();
  expect(text).toMatch(/data: \{"error":\{.*"code":"internal"\}\}\n\n$/);
  expect(text).not.toContain('[DONE]');
});

test('draining refuses new requests and lets the running ones finish', async () => {
  const gate = Promise.withResolvers<undefined>();
  native.stepGate = gate.promise;
  const answer = post('/v1/completions', { model: 'tiny', prompt: 'x', max_tokens: 3 });
  while (running.engine.load.running === 0) await setImmediate();
  const drained = running.drain();
  const refused = await post('/v1/completions', { model: 'tiny', prompt: 'x' });
  expect([refused.status, refused.json.error?.code, refused.headers.get('retry-after')]).toEqual([
    503,
    'shutting_down',
    '1',
  ]);
  expect((await fetch(`${running.url}/health`)).status).toBe(503);
  gate.resolve(undefined);
  await drained;
  expect((await answer).status).toBe(200);
  await running.close();
  await running.close();
  expect(native.closed).toBe(1);
});

test('health, version, metrics and tokenize answer', async () => {
  const health = (await (await fetch(`${running.url}/health`)).json()) as object;
  expect(health).toMatchObject({ status: 'ok', model: 'tiny', attached: false, running: 0 });
  expect(await (await fetch(`${running.url}/version`)).json()).toEqual({ version: '0.1.0' });
  await post('/v1/completions', { model: 'tiny', prompt: 'abc', max_tokens: 2 });
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  expect(metrics).toContain('baton_engine_generated_tokens_total 2');
  expect(metrics).toContain('baton_engine_kv_pages_total 128');
  expect((await post('/tokenize', { prompt: 'aé' })).json).toEqual({
    count: 3,
    max_model_len: 2048,
    tokens: [97, 195, 169],
  });
});

describe('refusals', () => {
  const chat = { model: 'tiny', messages: [{ role: 'user', content: 'x' }] };
  const completion = { model: 'tiny', prompt: 'x' };
  test.each<[string, string, unknown, number, string, string | null]>([
    ['bad JSON', '/v1/completions', '{"model":', 400, 'invalid_json', null],
    ['a list', '/v1/completions', '[]', 400, 'invalid_json', null],
    ['no model', '/v1/completions', { prompt: 'x' }, 400, 'missing_field', 'model'],
    ['no prompt', '/v1/completions', { model: 'tiny' }, 400, 'missing_field', 'prompt'],
    ['another model', '/v1/completions', { ...completion, model: 'gpt' }, 404, 'model_not_found', 'model'],
    ['an empty prompt', '/v1/completions', { ...completion, prompt: '' }, 400, 'invalid_type', 'prompt'],
    [
      'ids beyond the vocabulary',
      '/v1/completions',
      { ...completion, prompt: [1, 635] },
      400,
      'invalid_type',
      'prompt',
    ],
    [
      'ids that are no numbers',
      '/v1/completions',
      { ...completion, prompt: [1, null] },
      400,
      'invalid_type',
      'prompt',
    ],
    [
      'too long a prompt',
      '/v1/completions',
      { ...completion, prompt: 'x'.repeat(2048) },
      400,
      'context_length_exceeded',
      'max_tokens',
    ],
    [
      'far too long a prompt',
      '/v1/completions',
      { ...completion, prompt: 'x'.repeat(40_000) },
      400,
      'context_length_exceeded',
      'prompt',
    ],
    [
      'too many tokens',
      '/v1/completions',
      { ...completion, max_tokens: 2048 },
      400,
      'context_length_exceeded',
      'max_tokens',
    ],
    ['max_tokens 0', '/v1/completions', { ...completion, max_tokens: 0 }, 400, 'invalid_type', 'max_tokens'],
    [
      'a wrong type',
      '/v1/completions',
      { ...completion, temperature: 'hot' },
      400,
      'invalid_type',
      'temperature',
    ],
    ['top_p 0', '/v1/completions', { ...completion, top_p: 0 }, 400, 'invalid_type', 'top_p'],
    ['n beyond the bound', '/v1/completions', { ...completion, n: 17 }, 400, 'invalid_type', 'n'],
    [
      'too many stop strings',
      '/v1/completions',
      { ...completion, stop: Array(17).fill('a') },
      400,
      'invalid_type',
      'stop',
    ],
    ['an empty stop string', '/v1/completions', { ...completion, stop: '' }, 400, 'invalid_type', 'stop'],
    ['logprobs', '/v1/completions', { ...completion, logprobs: 3 }, 400, 'unsupported_parameter', 'logprobs'],
    ['an unknown field', '/v1/completions', { ...completion, foo: 1 }, 400, 'unsupported_parameter', 'foo'],
    [
      'min_tokens above max_tokens',
      '/v1/completions',
      { ...completion, min_tokens: 17 },
      400,
      'invalid_type',
      'min_tokens',
    ],
    [
      'stream options without stream',
      '/v1/completions',
      { ...completion, stream_options: {} },
      400,
      'invalid_type',
      'stream_options',
    ],
    [
      'a short root',
      '/v1/completions',
      { ...completion, kv_transfer_params: { baton: { root: 'ab' } } },
      400,
      'invalid_type',
      'kv_transfer_params.baton.root',
    ],
    [
      'a ticket without a role',
      '/v1/completions',
      { ...completion, kv_transfer_params: { baton: { root: ROOT, ticket: '00'.repeat(16) } } },
      400,
      'invalid_type',
      'kv_transfer_params.baton.role',
    ],
    ['no messages', '/v1/chat/completions', { model: 'tiny', messages: [] }, 400, 'invalid_type', 'messages'],
    [
      'an unknown role',
      '/v1/chat/completions',
      { model: 'tiny', messages: [{ role: 'x', content: '' }] },
      400,
      'invalid_type',
      'messages',
    ],
    [
      'an image',
      '/v1/chat/completions',
      { model: 'tiny', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      400,
      'invalid_type',
      'messages',
    ],
    [
      'tools',
      '/v1/chat/completions',
      { ...chat, tools: [{ type: 'function' }] },
      400,
      'unsupported_parameter',
      'tools',
    ],
    ['an unknown path', '/v1/embeddings', {}, 404, 'not_found', null],
    ['another method', '/v1/models', {}, 405, 'method_not_allowed', null],
  ])('%s', async (_, path, body, status, code, param) => {
    const answer = await post(path, body);
    expect([answer.status, answer.json.error?.code, answer.json.error?.param]).toEqual([status, code, param]);
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('a body beyond the bound', async () => {
    const answer = await post('/v1/completions', ' '.repeat(ENGINE_LIMITS.bodyBytesMax + 1));
    expect([answer.status, answer.json.error?.code]).toEqual([413, 'body_too_large']);
  });

  test('what asks for nothing is accepted', async () => {
    const neutral = {
      logprobs: false,
      presence_penalty: 0,
      response_format: { type: 'text' },
      user: 'me',
      tools: [],
      logit_bias: null,
    };
    expect((await post('/v1/chat/completions', { ...chat, ...neutral, max_tokens: 1 })).status).toBe(200);
  });
});

// An engine that falls silent in the middle of its answer, its connection open: neither the client nor the router waits for long.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { event, startMockEngine, wholeAnswer, type MockEngine } from '#test/support/mock-engine.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

let engine: MockEngine;
let router: TestRouter;
const chat = { model: 'mock', messages: [{ role: 'user', content: 'hi' }] };
const SSE = { 'content-type': 'text/event-stream' };

beforeEach(async () => {
  engine = await startMockEngine();
});
afterEach(async () => {
  await router.close();
  await engine.kill();
});

test('a stream ends with an error event and no [DONE], and its leg with it', async () => {
  router = await startRouterBefore(engine, { timeouts: { stream_idle_ms: 200 } });
  engine.script = ({ response }) => {
    response.writeHead(200, SSE).write(event('hello'));
  };
  const leg = engine.next();
  const text = await (await router.post('/v1/chat/completions', { ...chat, stream: true })).text();
  expect(text).toContain('hello');
  expect(text).toContain('"code":"decode_interrupted"');
  expect(text).not.toContain('[DONE]');
  await (
    await leg
  ).closedEarly;
});

test('a long answer that has begun to flow is cut, so that nobody takes it for whole', async () => {
  router = await startRouterBefore(engine, { timeouts: { stream_idle_ms: 200 } });
  engine.script = ({ response }) => {
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .write(wholeAnswer('x'.repeat(2 << 20)).slice(0, -2));
  };
  const response = await router.post('/v1/chat/completions', chat);
  await expect(response.text()).rejects.toThrow();
});

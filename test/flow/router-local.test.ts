// Requests through a real router to mock engines, dialect local.
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { event, startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

let engine: MockEngine;
let router: TestRouter;

beforeEach(async () => {
  engine = await startMockEngine();
  router = await startRouterBefore(engine);
});

afterEach(async () => {
  await router.close();
  await engine.kill();
});

const messages = [{ role: 'user' as const, content: 'hi' }];

describe('the official client', () => {
  test('gets a whole answer', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const answer = await client.chat.completions.create({ model: 'mock', messages });
    expect(answer.choices[0]?.message.content).toBe('hello world');
  });

  test('gets a stream', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: 'mock', messages, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('hello world');
  });

  test('gets completions and models', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const answer = await client.completions.create({ model: 'mock', prompt: 'hi' });
    expect(answer.choices[0]?.text).toBe('hello world');
    const models = await client.models.list();
    expect(models.data.map((model) => model.id)).toEqual(['mock']);
    expect((await client.models.retrieve('mock')).id).toBe('mock');
  });

  test('meets an error event after the first token as an error', async () => {
    engine.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event('hello'), () => response.destroy());
    };
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'any', maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: 'mock', messages, stream: true });
    const read = async (): Promise<void> => {
      for await (const chunk of stream) expect(chunk.choices).toHaveLength(1);
    };
    await expect(read()).rejects.toMatchObject({ code: 'decode_interrupted' });
  });
});

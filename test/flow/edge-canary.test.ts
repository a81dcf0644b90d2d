// A word that clients and engines put wherever they can: no process says it, in logs at their most talkative, in metrics, in what is
// kept for debugging, or in an error of its own.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { head } from '#test/support/hostile-http.ts';
import {
  answerError,
  answerWell,
  event,
  startMockEngine,
  type MockEngine,
  type Script,
} from '#test/support/mock-engine.ts';
import { raw } from '#test/support/raw-client.ts';

const CANARY = 'c4n4ry-0f-th3-d4y';
const KEY = `key-${CANARY}`;
const TENANTS = [
  { name: 'one', secret: `secret-of-32-bytes-and-${CANARY}`, keys: [createHash('sha256').update(KEY).digest('hex')] },
]; // prettier-ignore

let said: string[] = [];
let asked = 0;

const options = {
  log: 'debug',
  onLog: (_: string, line: string): void => { said.push(line); },
}; // prettier-ignore

/** Posts; the answer's status and text. */
async function post(cluster: Cluster, path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(cluster.routerUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': `asked-${++asked}`, authorization: `Bearer ${KEY}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`;
} // prettier-ignore

/** All that the processes tell of themselves, their ends included. */
async function everything(cluster: Cluster): Promise<string> {
  const pages = [...cluster.services, ...cluster.engines].map(({ url, adminUrl }) => adminUrl ?? url);
  const journeys = Array.from(
    { length: asked },
    (_, n) => `${cluster.adminUrl}/debug/requests/asked-${n + 1}`,
  );
  const urls = [...pages, cluster.adminUrl].map((url) => `${url}/metrics`);
  const told: string[] = [];
  for (const url of [...urls, ...journeys]) told.push(await (await fetch(url)).text());
  await cluster.stop();
  return [...told, ...said].join('\n');
}

describe('[edge-canary] a word in requests to a router, and in what its engine answers', () => {
  let engine: MockEngine;
  let cluster: Cluster;
  const message = { role: 'user', content: `${CANARY} "quoted" \n    at ${CANARY} (file:1:1)` };
  const chat = { model: 'mock', messages: [message] };

  beforeAll(async () => {
    [said, asked] = [[], 0];
    engine = await startMockEngine();
    const engines = [{ name: 'e1', url: engine.url, role: 'both', model: 'mock' }];
    const router = { engines, models: [], timeouts: { stream_idle_ms: 1000 }, tenants: TENANTS };
    cluster = await startCluster({ nodes: [], engines: [], router, ...options });
    await untilReady(cluster.routerUrl);
  });

  afterAll(async () => {
    expect(await everything(cluster)).not.toContain(CANARY);
    expect(said.length).toBeGreaterThan(10);
    await engine.kill();
  });

  test.each([
    ['a prompt', '/v1/completions', { model: 'mock', prompt: CANARY, n: 'many' }],
    ['a message', '/v1/chat/completions', { ...chat, temperature: 9 }],
    ['a role', '/v1/chat/completions', { model: 'mock', messages: [{ role: CANARY, content: 1 }] }],
    ['a tool’s name', '/v1/chat/completions', { ...chat, tools: [{ type: 'function', function: { name: CANARY } }], n: 99 }],
    ['a tool', '/v1/chat/completions', { ...chat, tools: CANARY }],
    ['a field’s name', '/v1/chat/completions', { ...chat, [CANARY]: 1, n: 99 }],
    ['a field that has another type', '/v1/chat/completions', { ...chat, max_tokens: CANARY }],
    ['parameters', '/v1/chat/completions', { ...chat, kv_transfer_params: CANARY, cache_salt: [CANARY] }],
    ['broken JSON', '/v1/chat/completions', `{"model":"mock","messages":[{"role":"user","content":"${CANARY}`],
    ['bytes that are no UTF-8', '/v1/chat/completions', `{"model":"mock","${CANARY}":"\\ud800" ${CANARY}}`],
    ['what is no JSON at all', '/v1/chat/completions', CANARY],
    ['a path', `/v1/${CANARY}`, chat],
    ['a model’s path', `/v1/models/${CANARY}`, chat],
    ['a query', `/v1/chat/completions?key=${CANARY}`, '{'],
  ])('is not in the answer to %s that is wrong', async (_, path, body) => {
    const answer = await post(cluster, path, body);
    expect(answer).toMatch(/^4/);
    expect(answer).not.toContain(CANARY);
  });

  test.each([
    ['an API key', { authorization: `Bearer other-${CANARY}` }],
    ['another scheme', { authorization: `Basic ${CANARY}` }],
    ['a content type', { 'content-type': CANARY }],
    ['a request id that is none', { 'x-request-id': `{${CANARY}}` }],
    ['internal headers', { 'x-baton-placement': CANARY, 'x-baton-explain': '1' }],
  ])('is not in the answer to %s that is wrong', async (_, headers: Record<string, string>) => {
    expect(await post(cluster, '/v1/chat/completions', chat, headers)).not.toContain(CANARY);
  });

  test.each([
    ['a method', `${CANARY} / HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['a header that is none', `GET / HTTP/1.1\r\nhost: x\r\n${CANARY} : x\r\n\r\n`],
    ['a whole URL', `GET http://${CANARY}/ HTTP/1.1\r\nhost: x\r\n\r\n`],
    ['a chunk size', `${head()}transfer-encoding: chunked\r\n\r\n${CANARY}\r\n\r\n`],
    ['bytes that are no HTTP', `${CANARY}\r\n\r\n`],
  ])('is not in the answer to %s', async (_, bytes) => {
    const answer = await raw(cluster.routerUrl, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 4/);
    expect(answer).not.toContain(CANARY);
  });

  const failing: readonly (readonly [string, Script])[] = [
    ['an error', ({ response }) => { response.writeHead(500, CANARY, { 'x-error': CANARY }).end(`{"error":"${CANARY}"}`); }],
    ['a place elsewhere', ({ response }) => { response.writeHead(302, { location: `http://${CANARY}/` }).end(CANARY); }],
    ['an error as its first event', ({ response }) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: {"error":{"message":"${CANARY}"}}\n\n`); }],
    ['no event', ({ response }) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).end(CANARY); }],
    ['no HTTP', ({ response }) => { response.socket?.end(`${CANARY}\r\n\r\n`); }],
    ['a header that is none', ({ response }) => { response.socket?.end(`HTTP/1.1 200 OK\r\n${CANARY} : x\r\n\r\n`); }],
    ['a length that is none', ({ response }) => { response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: ${CANARY}\r\n\r\n`); }],
  ]; // prettier-ignore
  test.each(failing)('is not in the answer when the engine answers %s', async (_, script) => {
    engine.script = script;
    const answer = await post(cluster, '/v1/chat/completions', { ...chat, stream: true });
    engine.script = answerWell;
    expect(answer).toMatch(/^50[023] /);
    expect(answer).not.toContain(CANARY);
    await untilReady(cluster.routerUrl);
  });

  test('is in the answer where the engine judges the request, or breaks off its stream: that is its own word', async () => {
    engine.script = answerError(422, CANARY);
    expect(await post(cluster, '/v1/chat/completions', chat)).toContain(CANARY);
    engine.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${event('hi')}data: {"error":{"message":"${CANARY}"}}\n\n`);
    };
    expect(await post(cluster, '/v1/chat/completions', { ...chat, stream: true })).toContain(CANARY);
    engine.script = answerWell;
    expect(await post(cluster, '/v1/chat/completions', chat)).toMatch(/^200 /);
  });
}); // prettier-ignore

test('[edge-canary] a word in prompts that go from engine to engine is said by none of all processes', async () => {
  [said, asked] = [[], 0];
  const settings = { model: 'tiny', pages: 256, max_model_len: 4096 };
  const cluster = await startCluster({
    nodes: ['a', 'b'].map((name) => ({ name, settings: { arena: { bytes: 16 << 20, slots_max: 512 } } })),
    engines: [
      { name: 'p1', role: 'prefill', node: 'a', settings },
      { name: 'd1', role: 'decode', node: 'b', settings },
    ],
    router: { placement: { mode: 'disaggregated' }, tenants: TENANTS },
    ...options,
  });
  await untilReady(cluster.routerUrl);
  const content = `${CANARY} `.repeat(40);
  const messages = [{ role: 'user', content }];
  const tools = [{ type: 'function', function: { name: CANARY, parameters: {} } }];
  const bodies = [
    { messages, max_tokens: 2 },
    { messages, tools, max_tokens: 2 },
    { messages: [{ role: CANARY, content }], max_tokens: 2 },
    { messages: [{ role: 'assistant', content: null, tool_calls: [{ id: CANARY, type: 'function', function: { name: CANARY, arguments: CANARY } }] }], max_tokens: 2 },
    { messages, max_tokens: 2, stop: [CANARY], response_format: { type: CANARY } },
    { messages, max_tokens: 1_000_000 },
  ]; // prettier-ignore
  const answers: string[] = [];
  for (const body of bodies) answers.push(await post(cluster, '/v1/chat/completions', { model: 'tiny', ...body }));
  answers.push(await post(cluster, '/v1/completions', { model: 'tiny', prompt: content, max_tokens: 2 }));
  expect(answers[0]).toMatch(/^200 /);
  // Engines speak here: what they refuse, they refuse without quoting it.
  expect(answers.filter((answer) => answer.startsWith('4') && answer.includes(CANARY))).toEqual([]);
  for (const { url } of cluster.engines)
    for (const path of [`/v1/${CANARY}`, `/debug/digests/${CANARY}`, '/tokenize', '/v1/chat/completions'])
      expect(await raw(url, `${head(path)}content-length: 17\r\nconnection: close\r\n\r\n${CANARY}`)).not.toContain(CANARY);
  expect(await everything(cluster)).not.toContain(CANARY);
  expect(said.length).toBeGreaterThan(10);
}, 120_000); // prettier-ignore

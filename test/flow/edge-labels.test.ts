// What clients make up never becomes a series of a metric, nor stays in memory.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { head } from '#test/support/hostile-http.ts';
import { startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

const KEY = 'the-key';
const hash = createHash('sha256').update(KEY).digest('hex');
/** Of each kind of request. */
const TIMES = 400;

let engine: MockEngine;
let router: TestRouter;

beforeAll(async () => {
  engine = await startMockEngine();
  const tenants = [{ name: 'one', secret: 'a-secret-of-at-least-32-bytes-abcd', keys: [hash] }];
  router = await startRouterBefore(engine, { limits: { journeys: JOURNEYS } }, { tenants });
});

afterAll(async () => {
  await router.close();
  await engine.kill();
});

async function series(): Promise<string[]> {
  const text = await (await router.admin('/metrics')).text();
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ \S+$/, ''))
    .sort();
}

const JOURNEYS = 200;
const METHODS = ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'MKCOL', 'SEARCH', 'PURGE', 'LINK'];
const request = (method: string, target: string, headers: string, body: string): string =>
  `${head(target).replace('POST', method)}authorization: Bearer ${KEY}\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`;
const chat = (model: string, more = ''): string =>
  `{"model":"${model}",${more}"messages":[{"role":"user","content":"hi"}]}`;

/** Requests that all end alike, each with a name of its own. */
const KINDS: readonly ((n: number) => string)[] = [
  (n) => request('POST', '/v1/chat/completions', '', chat(`model-${n}`)),
  (n) => request('POST', `/v1/path-${n}`, '', chat('mock')),
  (n) => request('GET', `/v1/models/model-${n}?query=${n}`, '', ''),
  (n) => request(METHODS[n % METHODS.length] ?? '', '/v1/chat/completions', '', ''),
  (n) => request('POST', '/v1/completions', '', chat('mock')).replace(KEY, `key-${n}`),
  (n) => request('POST', '/v1/chat/completions', `x-request-id: id-${n}\r\nx-tenant: tenant-${n}\r\nuser-agent: agent-${n}\r\n`, chat('mock', `"user":"user-${n}","cache_salt":"salt-${n}","extra_${n}":${n},`)),
]; // prettier-ignore

test('[edge-labels] thousands of models, paths, methods, keys, tenants and ids make no new series', async () => {
  const clients = KINDS.map(() => new RawClient(router.url));
  const ask = (n: number): Promise<unknown> =>
    Promise.all(
      clients.map(async (client, i) => {
        client.text = '';
        client.send(KINDS[i]?.(n) ?? '');
        await client.until(/^HTTP\/1\.1 \d+ .*\r\n\r\n.+\}$/s);
        return client.text;
      }),
    );
  await ask(0);
  const before = await series();
  for (let n = 1; n < TIMES; n++) await ask(n);
  expect(await series()).toEqual(before);
  expect(before.join()).not.toMatch(/model-|path-|key-|id-|tenant-|user-|agent-|salt-/);
  for (const client of clients) client.leave();
});

test('[edge-kept] journeys of requests are kept up to their bound', async () => {
  const ids = Array.from({ length: JOURNEYS + 1 }, (_, n) => `kept-${n}`);
  const client = new RawClient(router.url);
  for (const id of ids) {
    client.text = '';
    client.send(request('POST', '/v1/chat/completions', `x-request-id: ${id}\r\n`, '{'));
    await client.until(/"invalid_json"/);
  }
  client.leave();
  expect((await router.admin(`/debug/requests/${ids[0]}`)).status).toBe(404);
  expect((await router.admin(`/debug/requests/${ids.at(-1)}`)).status).toBe(200);
});

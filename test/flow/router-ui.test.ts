// The page of the admin listener over HTTP: who may read what, what a question becomes, and that no word of it is kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startChild } from '#cli/child.ts';
import type { Logger } from '#core/log.ts';
import { answerError, startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { until } from '#test/support/ready.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

const KEY = 'the-admin-key-of-these-tests-32-bytes';
const WORDS = { story: 'Zephyrine hid the turquoise abacus', answer: 'beneath-the-belfry' };
const question = {
  model: 'mock',
  stream: true,
  messages: [
    { role: 'system', content: WORDS.story },
    { role: 'user', content: 'Where is it?' },
  ],
};

let engine: MockEngine;
let router: TestRouter;

const start = async (adminKey: string | null = null, section = {}, top = {}, log?: Logger): Promise<void> => {
  router = await startRouterBefore(engine, section, top, {
    adminKey: adminKey === null ? null : Buffer.from(adminKey),
    ...(log === undefined ? {} : { log }),
  });
};

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(router.adminUrl + path, { method, headers });

const askPage = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${router.adminUrl}/ui/ask`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const codeOf = async (response: Response): Promise<unknown[]> => {
  const { error } = (await response.json()) as { error: { code: string } };
  return [response.status, error.code];
};

beforeEach(async () => {
  engine = await startMockEngine();
});

afterEach(async () => {
  await router.close();
  await engine.kill().catch(() => undefined);
});

describe('the page', () => {
  test('is served with everything it loads, under a policy that lets nothing else in', async () => {
    await start();
    const page = await get('/ui');
    const html = await page.text();
    expect(html).toContain('<title>Baton</title>');
    const linked = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(linked.length).toBeGreaterThan(3);
    for (const path of ['/ui', '/ui/uplot.js', ...linked]) {
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'self';.*frame-ancestors 'none'/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  }); // prettier-ignore

  test('leads nowhere else on the disk', async () => {
    await start();
    const url = new URL(router.adminUrl);
    for (const path of ['/ui/', '/ui/../admin.ts', '/ui/%2e%2e/admin.ts', '/ui/..%2fadmin.ts', '/ui/index.html', '/ui/tsconfig.json', '/ui/__proto__', '/ui/constructor', '/ui/state/', '//ui']) {
      // As it stands: fetch would tidy it up.
      const { statusCode } = await new Promise<IncomingMessage>((resolve) => request({ host: url.hostname, port: url.port, path }, resolve).end());
      expect([path, statusCode]).toEqual([path, 404]);
    }
  }); // prettier-ignore

  test('takes GET alone, but for the question', async () => {
    await start();
    for (const path of ['/ui', '/ui/main.js', '/ui/state', '/ui/series']) {
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
        expect(await codeOf(await get(path, {}, method))).toEqual([405, 'method_not_allowed']);
    }
    const asked = await get('/ui/ask');
    expect(asked.headers.get('allow')).toBe('POST');
    expect(await codeOf(asked)).toEqual([405, 'method_not_allowed']);
  });
});

describe('with an admin key', () => {
  const guarded = ['/ui/state', '/ui/series', '/debug/requests/x'];

  test('data is answered to whoever has it; the page itself, metrics and health to all', async () => {
    await start(KEY);
    for (const path of guarded) {
      const refused = await get(path);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      expect(await codeOf(refused)).toEqual([401, 'invalid_admin_key']);
      expect(await codeOf(await get(path, { authorization: `Bearer ${KEY}x` }))).toEqual([401, 'invalid_admin_key']); // prettier-ignore
      expect((await get(path, { authorization: `Bearer ${KEY}` })).status).toBe(path.startsWith('/debug') ? 404 : 200); // prettier-ignore
    }
    for (const path of ['/ui', '/ui/main.js', '/metrics', '/health/ready'])
      expect((await get(path)).status).toBe(200);
  });

  test('a question needs it too, and it never reaches an engine', async () => {
    await start(KEY);
    expect(await codeOf(await askPage(question))).toEqual([401, 'invalid_admin_key']);
    expect((await askPage(question, { authorization: `Bearer ${KEY}` })).status).toBe(200);
    expect(engine.requests).toHaveLength(1);
    expect(JSON.stringify([engine.requests[0]?.headers, engine.requests[0]?.body])).not.toContain(KEY);
  });
});

test('`baton router` asks for the key in router.admin.key_file', async () => {
  await start();
  const folder = mkdtempSync(join(tmpdir(), 'baton-ui-'));
  const keyFile = join(folder, 'admin-key');
  const configFile = join(folder, 'router.json');
  writeFileSync(keyFile, `${KEY}\n`, { mode: 0o600 });
  const engines = [{ name: 'e1', url: engine.url, role: 'both', model: 'mock' }];
  const config = { log: 'silent', router: { port: 0, admin: { port: 0, key_file: keyFile }, engines } };
  writeFileSync(configFile, JSON.stringify(config));
  const child = await startChild({ command: 'router', configFile, env: {}, readyMs: 60_000, onLog: () => undefined });
  try {
    const url = `${String(child.ready['adminUrl'])}/ui/state`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(200);
  } finally {
    await child.stop(5000);
    rmSync(folder, { recursive: true });
  }
}); // prettier-ignore

test('a page of another origin is refused, whatever it asks for', async () => {
  await start();
  const foreign = { origin: 'http://evil.example' };
  for (const path of ['/ui', '/ui/main.js', '/ui/state', '/ui/series', '/debug/requests/x'])
    expect(await codeOf(await get(path, foreign))).toEqual([403, 'foreign_origin']);
  expect(await codeOf(await askPage(question, foreign))).toEqual([403, 'foreign_origin']);
  expect(engine.requests).toEqual([]);
  expect((await get('/metrics', foreign)).headers.get('access-control-allow-origin')).toBeNull();
});

describe('a question', () => {
  test('is answered as by the public listener, and its journey is found under its id', async () => {
    await start();
    const asked = await askPage(question);
    const direct = await router.post('/v1/chat/completions', question);
    expect([asked.status, await asked.text()]).toEqual([direct.status, await direct.text()]);
    const id = asked.headers.get('x-request-id') ?? '';
    expect(await router.journey(id)).toMatchObject({ id, endpoint: 'chat', code: 'ok', model: 'mock' });
    const state = (await (await get('/ui/state')).json()) as { requests: { id: string; code: string }[] };
    expect(state.requests.map((one) => [one.id, one.code])).toEqual([
      [direct.headers.get('x-request-id'), 'ok'],
      [id, 'ok'],
    ]);
  });

  test('carries the tenant’s own key where tenants are configured', async () => {
    const hash = '2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'; // of `key`
    await start(null, {}, { tenants: [{ name: 't', secret: 's'.repeat(32), keys: [hash] }] });
    expect(await codeOf(await askPage(question))).toEqual([401, 'invalid_api_key']);
    expect((await askPage(question, { 'x-baton-api-key': 'key' })).status).toBe(200);
  });

  test('that is no JSON, or none by its type, or too long, is refused', async () => {
    await start();
    expect(await codeOf(await askPage('{"model":'))).toEqual([400, 'invalid_json']);
    expect(await codeOf(await askPage(question, { 'content-type': 'text/plain' }))).toEqual([400, 'invalid_json']); // prettier-ignore
    expect(await codeOf(await askPage(JSON.stringify({ ...question, pad: 'x'.repeat(2 << 20) })))).toEqual([413, 'body_too_large']); // prettier-ignore
    expect(engine.requests).toEqual([]);
  });
});

test('no word of a question or its answer is in what the admin listener tells, or in the log', async () => {
  const lines: string[] = [];
  const write = (fields: object, message: string): void => void lines.push(JSON.stringify([fields, message]));
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  await start(null, {}, {}, log);
  engine.script = ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`data: {"choices":[{"delta":{"content":"${WORDS.answer}"}}]}\n\ndata: [DONE]\n\n`);
  };
  const answered = await askPage(question);
  expect(await answered.text()).toContain(WORDS.answer);
  engine.script = answerError(400, 'refused');
  await (await askPage(question)).text();
  await (await askPage({ ...question, model: 'none' })).text();
  await (await askPage(`{"model":"mock","messages":[{"role":"user","content":"${WORDS.story}"`)).text();
  await until('the router has a sample', async () => {
    const { samples } = (await (await get('/ui/series')).json()) as { samples: unknown[] };
    return samples.length > 0;
  });
  const state = await (await get('/ui/state')).text();
  const { requests } = JSON.parse(state) as { requests: { id: string; code: string }[] };
  expect(requests.map(({ code }) => code)).toEqual(['invalid_json', 'model_not_found', 'upstream_refused', 'ok']);
  const journeys = requests.map(async ({ id }) => (await get(`/debug/requests/${id}`)).text());
  const told = [
    state,
    ...(await Promise.all(journeys)),
    await (await get('/ui/series')).text(),
    await (await get('/metrics')).text(),
    ...lines,
  ];
  expect(lines.length).toBeGreaterThan(0);
  for (const text of told) {
    for (const word of [...WORDS.story.split(' '), WORDS.answer, 'Where is it'])
      if (word.length > 4) expect(text).not.toContain(word);
  }
}); // prettier-ignore

// Only configured workers are ever dialled, whatever a client or an engine says.
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerWell, startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { raw } from '#test/support/raw-client.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';

let stray: Server;
/** host:port of a listener that nobody has configured. */
let there: string;
let dialled = 0;
let engines: MockEngine[];
let router: TestRouter;

beforeEach(async () => {
  dialled = 0;
  stray = createServer((socket) => {
    dialled++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => stray.listen(0, '127.0.0.1', resolve));
  const address = stray.address();
  there = `127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  engines = await Promise.all([startMockEngine(), startMockEngine()]);
});

afterEach(async () => {
  await router.close();
  for (const engine of engines) await engine.kill();
  await new Promise((resolve) => stray.close(resolve));
  expect(dialled).toBe(0);
});

const DEPLOYMENTS = ['local', 'vllm-nixl'] as const;
async function start(dialect: (typeof DEPLOYMENTS)[number]): Promise<void> {
  const [first, second] = engines.map(({ url }) => url);
  const nixl = { model: 'mock', dialect: 'vllm-nixl' };
  router = await startRouter(
    dialect === 'local'
      ? { engines: [{ name: 'e1', url: first, role: 'both', model: 'mock' }] }
      : {
          engines: [
            { name: 'p1', url: first, role: 'prefill', ...nixl },
            { name: 'd1', url: second, role: 'decode', ...nixl },
          ],
          placement: { mode: 'disaggregated' },
        },
  );
}

/** An answer on a connection of its own. */
async function send(
  body: string,
  headers = '',
  target = '/v1/chat/completions',
  host = 'x',
): Promise<string> {
  const head = `POST ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n${headers}content-type: application/json\r\n`;
  return raw(router.url, `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
const chat = (more = ''): string => `{"model":"mock",${more}"messages":[{"role":"user","content":"hi"}]}`;

describe.each(DEPLOYMENTS)('[edge-dialled] with engines of dialect %s', (dialect) => {
  test.each([
    ['its host', (at: string) => send(chat(), '', undefined, at)],
    ['forwarding headers', (at: string) => send(chat(), `x-forwarded-host: ${at}\r\nx-forwarded-for: ${at}\r\nx-forwarded-proto: http\r\nforwarded: host=${at};for=${at}\r\nvia: 1.1 ${at}\r\n`)],
    ['rewriting headers', (at: string) => send(chat(), `x-original-url: http://${at}/\r\nx-rewrite-url: http://${at}/\r\nx-host: ${at}\r\nx-http-host-override: ${at}\r\norigin: http://${at}\r\n`)],
    ['internal headers', (at: string) => send(chat(), `x-baton-engine: http://${at}\r\nx-baton-url: http://${at}\r\nx-prefiller-host-port: ${at}\r\nx-request-id: http://${at}\r\n`)],
  ])('a request is answered by them, though %s name another place', async (_, ask) => {
    await start(dialect);
    expect(await ask(there)).toMatch(/^HTTP\/1\.1 200 .*hello world/s);
  });

  test.each([
    ['a whole URL', (at: string) => `http://${at}/v1/chat/completions`, 400],
    ['a host and port', (at: string) => at, 400],
    ['a path that begins like a host', (at: string) => `//${at}/v1/chat/completions`, 404],
    ['a path with a user’s part', (at: string) => `/@${at}/v1/chat/completions`, 404],
    ['a path that goes up', (at: string) => `/v1/../../${at}`, 404],
  ])('a target that is %s leads nowhere', async (_, target, status) => {
    await start(dialect);
    expect(await send(chat(), '', target(there))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test.each([
    ['kv_transfer_params', (at: string) => `"kv_transfer_params":${params(at)},`],
    ['kv_transfer_params under an escaped key', (at: string) => `"kv_transfer_param\\u0073":${params(at)},`],
    ['baton’s parameters', (at: string) => `"kv_transfer_params":{"baton":{"ticket":"${'ab'.repeat(16)}","root":"${'cd'.repeat(32)}","host":"${at}"}},`],
  ])('a client’s %s reach nobody', async (_, field) => {
    await start(dialect);
    expect(await send(chat(field(there)))).toMatch(/^HTTP\/1\.1 200 .*hello world/s);
    const legs = engines.flatMap(({ requests }) => requests);
    expect(legs.length).toBeGreaterThan(0);
    for (const { body } of legs) expect(body).not.toContain(there.split(':')[1]);
  });

  test('what an engine must fetch is not fetched here', async () => {
    await start(dialect);
    const part = { type: 'image_url', image_url: { url: `http://${there}/x.png` } };
    const body = JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: [part] }] });
    expect(await send(body)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('an engine that answers with another place is not followed', async () => {
    await start(dialect);
    for (const engine of engines)
      engine.script = ({ response }) => {
        response.writeHead(307, { location: `http://${there}/v1/chat/completions`, 'alt-svc': `h2="${there}"` }).end();
      };
    expect(await send(chat())).toMatch(/^HTTP\/1\.1 50[23] /);
    for (const engine of engines) engine.script = answerWell;
  });
}); // prettier-ignore

/** As a prefill engine would give them. */
function params(at: string): string {
  const [host, port] = at.split(':');
  return JSON.stringify({
    do_remote_prefill: true, do_remote_decode: false, remote_engine_id: 'e', remote_request_id: 'r',
    remote_block_ids: [[1, 2, 3]], remote_host: host, remote_port: Number(port),
  });
} // prettier-ignore

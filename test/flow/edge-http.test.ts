// What the public listener makes of HTTP that is not strict: bytes over a socket before a router with one engine.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BODY, CHUNKS, chunked, coded, FRAMING, head, HEX, SIZE, sized } from '#test/support/hostile-http.ts';
import { startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { RawClient, raw } from '#test/support/raw-client.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';

let engine: MockEngine;
let router: TestRouter;

beforeAll(async () => {
  engine = await startMockEngine();
  router = await startRouterBefore(engine, { limits: { body_bytes: 100_000 } });
});

afterAll(async () => {
  await router.close();
  await engine.kill();
});

/** Also refused: what means something that is not done here. */
const MORE = [
  ['another coding', coded('transfer-encoding: gzip, chunked', CHUNKS)],
  ['chunks in HTTP/1.0', `${head(undefined, '1.0')}transfer-encoding: chunked\r\n\r\n${CHUNKS}`],
  ['an endless chunk extension', chunked(`${HEX};a=${'b'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`)],
  ['no host', sized().replace('host: x\r\n', '')],
  ['two hosts', sized('Host: y\r\n')],
  ['two API keys', sized('authorization: Bearer a\r\nAuthorization: Bearer b\r\n')],
  ['two content types', sized('content-type: text/plain\r\n')],
  ['a compressed body', sized('content-encoding: gzip\r\n')],
  ['a whole URL as its target', sized().replace('/v1', 'http://evil/v1')],
  ['a host and port as its target', sized().replace('/v1/chat/completions', 'evil:80')],
  ['no path at all', sized().replace('/v1/chat/completions', '*')],
  ['bytes beyond ASCII in its target', sized().replace('/v1', '/v1\xff')],
  ['another version of HTTP', sized().replace('HTTP/1.1', 'HTTP/3.7')],
  ['no version of HTTP', 'GET /v1/models\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['a method in lower case', sized().replace('POST', 'post')],
  ['a method that nobody knows', sized().replace('POST', 'FETCH')],
  ['a tunnel', 'CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n'],
  ['another expectation', sized('expect: 200-maybe\r\n')],
] as const;

describe.each([
  ['public', () => router.url, /^HTTP\/1\.1 400 .*"code":"invalid_http"/s],
  // It answers without waiting for a body.
  ['admin', () => router.adminUrl, /^HTTP\/1\.1 (400 .*"code":"invalid_http"|404 )/s],
])('[edge-strict] what two programs may read in two ways is refused, and the connection closed: the %s listener', (_, url, refused) => {
  test.each([...FRAMING, ...MORE])('%s', async (_what, bytes) => {
    const before = engine.requests.length;
    const answer = await raw(url(), bytes);
    expect(answer).toMatch(refused);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/\r\nx-request-id: [0-9a-f-]{32,36}\r\n/);
    expect(engine.requests).toHaveLength(before);
  });

  test.each([
    ['long', sized(`x: ${'a'.repeat(40_000)}\r\n`)],
    ['long, each of them short', sized(`x: ${'a'.repeat(1000)}\r\n`.repeat(40))],
    ['long by their target', sized().replace('completions', `completions?${'a'.repeat(40_000)}`)],
    ['many', sized(Array.from({ length: 300 }, (_, i) => `a${i}: b\r\n`).join(''))],
  ])('headers that are too %s', async (_, bytes) => {
    expect(await raw(url(), bytes)).toMatch(/^HTTP\/1\.1 431 .*"code":"headers_too_large"/s);
  });
}); // prettier-ignore

describe('[edge-sizes] a body beyond the bound is refused by its length, or when it has come so far', () => {
  const large = `{"model":"mock","prompt":"${'x'.repeat(200_000)}"}`;
  test.each([
    ['a length', `${head()}content-length: ${large.length}\r\n\r\n${large}`],
    ['a length that nothing follows', `${head()}content-length: 100001\r\n\r\n`],
    ['chunks', chunked(`${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`)],
    ['chunks without an end', chunked(`fffffff\r\n${large}`)],
    ['chunks of one byte', chunked('1\r\nx\r\n'.repeat(100_001))],
  ])('%s', async (_, bytes) => {
    const before = engine.requests.length;
    expect(await raw(router.url, bytes)).toMatch(/^HTTP\/1\.1 413 .*"code":"body_too_large"/s);
    expect(engine.requests).toHaveLength(before);
  });

  test('trailers too', async () => {
    const trailers = `x: ${'a'.repeat(1000)}\r\n`.repeat(40);
    const answer = await raw(router.url, chunked(`${HEX}\r\n${BODY}\r\n0\r\n${trailers}\r\n`));
    expect(answer).toMatch(/^HTTP\/1\.1 431 .*"code":"headers_too_large"/s);
  });
});

describe('[edge-taken] what is strict is taken', () => {
  test.each([
    ['a length', sized()],
    ['chunks', chunked(CHUNKS)],
    ['chunks in capitals, with extensions and trailers', coded('Transfer-Encoding:\tCHUNKED', `${HEX};a=b\r\n${BODY}\r\n0\r\nx-t: 1\r\n\r\n`)],
    ['empty lines before it', `\r\n\r\n${sized()}`],
    ['an upgrade that is not done', sized('connection: upgrade\r\nupgrade: h2c\r\n')],
    ['a query', sized().replace('completions', 'completions?a=b')],
  ])('%s', async (_, bytes) => {
    const client = new RawClient(router.url).send(bytes);
    expect(await client.until(/hello world/)).toMatch(/^HTTP\/1\.1 200 /);
    client.leave();
  }); // prettier-ignore

  test('HTTP/1.0: the end of the connection is the end of a stream', async () => {
    const body = BODY.replace('{', '{"stream":true,');
    const first = head(undefined, '1.0').replace('host: x\r\n', '');
    const answer = await raw(router.url, `${first}content-length: ${body.length}\r\n\r\n${body}`);
    expect(answer).toMatch(/\r\n\r\ndata: \{.*data: \[DONE\]\n\n$/s);
    expect(answer).not.toContain('chunked');
  });

  test.each([
    ['OPTIONS', '/v1/chat/completions', 405],
    ['HEAD', '/v1/models', 405],
    ['DELETE', '/v1/models/mock', 405],
    ['TRACE', '/', 404],
  ])('%s %s is answered %i, and the connection goes on', async (method, path, status) => {
    const client = new RawClient(router.url).send(`${method} ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await client.until(new RegExp(`^HTTP/1\\.1 ${status} `));
    client.send('GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n');
    await client.until(/\{"status":"ok"\}$/);
    client.leave();
  });

  test('a body that waits to be asked for is asked for, unless it is refused', async () => {
    const expecting = (length: number): string =>
      `${head()}expect: 100-continue\r\ncontent-length: ${length}\r\n\r\n`;
    const client = new RawClient(router.url).send(expecting(SIZE));
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send(BODY);
    await client.until(/hello world/);
    client.leave();
    expect(await raw(router.url, expecting(200_000))).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('[edge-pipelined] requests that do not wait for the answer before', () => {
  const pending = async (): Promise<{ client: RawClient; answer: () => void; gone: Promise<void> }> => {
    let answer = (): void => undefined;
    const { script } = engine;
    engine.script = ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"n":1}\n\n');
      answer = () => { response.end('data: [DONE]\n\n'); };
    };
    const arrived = engine.next();
    const body = BODY.replace('{', '{"stream":true,');
    const client = new RawClient(router.url).send(`${head()}content-length: ${body.length}\r\n\r\n${body}`);
    const { closedEarly } = await arrived;
    await client.until(/"n":1/);
    engine.script = script;
    return { client, answer, gone: closedEarly };
  }; // prettier-ignore

  test('are refused behind it, and the connection is closed', async () => {
    const { client, answer } = await pending();
    client.send(sized());
    answer();
    await client.closed;
    expect(client.text).toMatch(/\[DONE\].*HTTP\/1\.1 400 .*"code":"invalid_http"/s);
    client.leave();
  });

  test('and go on coming cut it', async () => {
    const { client, gone } = await pending();
    client.send(sized().repeat(3));
    await gone;
    await client.closed;
    expect(client.text).not.toContain('invalid_http');
    client.leave();
  });

  test('and ask for a tunnel cut it', async () => {
    const { client, gone } = await pending();
    client.send('CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n');
    await gone;
    await client.closed;
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    client.leave();
  });

  test('and are no HTTP cut it: no second head stands in an answer', async () => {
    const { client, gone } = await pending();
    client.send('GARBAGE\r\n\r\n');
    await gone;
    await client.closed;
    expect(client.text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    client.leave();
  });
});

test('[edge-reset] whoever asks for a tunnel and breaks the connection breaks nothing else', async () => {
  for (const listener of [router.url, router.adminUrl]) {
    const client = new RawClient(listener).send('CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n');
    await client.until(/"invalid_http"/);
    client.socket.resetAndDestroy();
    expect(await raw(listener, 'GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/ 200 /);
  }
}); // prettier-ignore

// Clients that take their time, on the listeners of every process: each is cut by a bound, whatever it still sends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { head } from '#test/support/hostile-http.ts';
import { startListeners, type Listeners } from '#test/support/listeners.ts';
import { RawClient } from '#test/support/raw-client.ts';

let listeners: Listeners;

beforeAll(async () => {
  listeners = await startListeners({ headersMs: 200, bodyMs: 100, slowCheckMs: 20, connections: 1000 });
});

afterAll(async () => {
  await listeners.close();
});

const NAMES = ['public', 'admin', 'service', 'engine'] as const;
const SLOW = [
  ['says nothing', '', null],
  ['stops within its request line', 'POST /v1/comp', null],
  ['stops within its headers', head(), null],
  ['sends header after header', head(), 'x: y\r\n'],
  ['sends its headers byte by byte', `${head()}x: `, 'y'],
] as const;
const SLOW_BODY = [
  ['stops within its body', `${head()}content-length: 50\r\n\r\n{`, null],
  ['sends its body byte by byte', `${head()}content-length: 100000\r\n\r\n{`, ' '],
  ['sends small chunks without an end', `${head()}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'],
  ['stops within a chunk', `${head()}transfer-encoding: chunked\r\n\r\nff\r\n{`, null],
] as const;

/** Sends the beginning, then piece after piece until it is cut; all that came back. */
async function answerTo(url: string, begin: string, piece: string | null): Promise<string> {
  const client = new RawClient(url).send(begin);
  const more = setInterval(() => piece !== null && client.send(piece), 5);
  await client.closed;
  clearInterval(more);
  client.leave();
  return client.text;
}

describe.each(NAMES)('[edge-slow-head] the %s listener cuts a client that', (name) => {
  test.each(SLOW)('%s', async (_, begin, piece) => {
    expect(await answerTo(listeners.urls[name], begin, piece)).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });
});

// The other two answer without waiting for a body.
describe.each(['public', 'engine'] as const)(
  '[edge-slow-body] the %s listener cuts a client that',
  (name) => {
    test.each(SLOW_BODY)('%s', async (_, begin, piece) => {
      expect(await answerTo(listeners.urls[name], begin, piece)).toMatch(/^HTTP\/1\.1 408 /);
    });
  },
);

test.each(['public', 'admin'] as const)(
  '[edge-slow-table] the %s listener tells such a client why',
  async (name) => {
    const answer = await answerTo(listeners.urls[name], head(), null);
    expect(answer).toMatch(/"code":"request_timeout"/);
  },
);

test('[edge-connections] connections beyond the bound are dropped, and those before are served', async () => {
  const few = await startListeners({ headersMs: 60_000, bodyMs: 60_000, slowCheckMs: 1000, connections: 3 });
  const url = few.urls.public;
  const ask = 'GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n';
  const kept = [1, 2, 3].map(() => new RawClient(url).send(ask));
  for (const client of kept) await client.until(/"ok"\}$/);
  const more = new RawClient(url);
  await more.closed;
  expect(more.text).toBe('');
  for (const client of kept) {
    client.text = '';
    await client.send(ask).until(/"ok"\}$/);
  }
  for (const client of [...kept, more]) client.leave();
  await few.close();
});

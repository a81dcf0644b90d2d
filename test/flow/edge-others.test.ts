// HTTP that is not strict, on the listeners that stand behind the router or apart from it: the service's and the reference engine's.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import type { Engine } from '#engines/reference/engine.ts';
import { OpenAnswers } from '#core/open-answers.ts';
import { createEngineServer } from '#engines/reference/server.ts';
import { FRAMING } from '#test/support/hostile-http.ts';
import { startListeners, type Listeners } from '#test/support/listeners.ts';
import { raw } from '#test/support/raw-client.ts';

let listeners: Listeners;

beforeAll(async () => {
  listeners = await startListeners();
});

afterAll(async () => {
  await listeners.close();
});

const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`;
const statuses = (answers: string): string[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status = '']) => status);

test('[edge-canary] a defect of an engine is logged by its place, without what it says of a request', async () => {
  const said: string[] = [];
  const log = { ...silentLogger, error: (...line: unknown[]) => said.push(JSON.stringify(line)) };
  const metrics = { expose: () => Promise.reject(new Error('of a c4n4ry')), contentType: 'text/plain' };
  const server = createEngineServer(
    { parts: { random: systemRandom, log, metrics } } as unknown as Engine,
    new OpenAnswers(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await raw(`http://127.0.0.1:${port}`, get('/metrics', 'connection: close\r\n'));
  server.close();
  expect(answer).toMatch(/^HTTP\/1\.1 500 .*"code":"internal"/s);
  expect(said).toHaveLength(1);
  expect(said.join() + answer).not.toContain('c4n4ry');
});

describe.each(['service', 'engine'] as const)('the %s listener', (name) => {
  test.each(FRAMING)(
    '[edge-others] serves nothing behind %s, and closes the connection',
    async (_, bytes) => {
      const seen = statuses(await raw(listeners.urls[name], bytes));
      expect(seen.at(-1)).toBe('400');
      expect(seen.filter((status) => status.startsWith('2'))).toEqual([]);
    },
  );

  test.each([
    ['a whole URL', 'http://evil/metrics'],
    ['a host and port', 'evil:80'],
    ['a star', '*'],
    ['a way up', '/x/../metrics'],
  ])('[edge-others] serves no target that is %s', async (_, target) => {
    const [status] = statuses(await raw(listeners.urls[name], get(target, 'connection: close\r\n')));
    expect(['400', '404']).toContain(status);
  });

  test('[edge-others] opens no tunnel', async () => {
    const answer = await raw(listeners.urls[name], 'CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n');
    expect(statuses(answer).filter((status) => status.startsWith('2'))).toEqual([]);
  });

  test('[edge-others] refuses headers that are too long', async () => {
    const long = get('/metrics', `x: ${'a'.repeat(40_000)}\r\n`);
    expect(statuses(await raw(listeners.urls[name], long))).toEqual(['431']);
  });

  test('[edge-others] answers requests that do not wait in their order', async () => {
    const paths = ['/nothing', '/metrics', '/nothing/else', '/metrics'];
    const asked = paths.map((path, i) => get(path, i === 3 ? 'connection: close\r\n' : ''));
    expect(statuses(await raw(listeners.urls[name], asked.join('')))).toEqual(['404', '200', '404', '200']);
  });
});

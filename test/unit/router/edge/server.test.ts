import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { systemClock } from '#core/clock.ts';
import { createEdgeServer } from '#router/edge/server.ts';

test('closing after flushed() cuts no answer that its client has yet to take; without it, it does', async () => {
  // More than the kernel holds between two ends of a connection.
  const body = Buffer.alloc(64 << 20, 'x');
  for (const flushes of [true, false]) {
    const server = await createEdgeServer('127.0.0.1', 0, (_request, downstream) => {
      downstream.head(200, ['content-length', String(body.length)]);
      downstream.end(body);
    });
    const [response] = (await once(get(server.url, { agent: false }), 'response')) as [IncomingMessage];
    const flushed = flushes ? server.flushed(60_000, systemClock) : Promise.resolve();
    const closed = flushed.then(() => server.close());
    await new Promise(setImmediate);
    if (flushes) expect((await buffer(response)).length).toBe(body.length);
    else await expect(buffer(response)).rejects.toThrow();
    await closed;
  }
});

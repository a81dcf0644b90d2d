import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { EventStream } from '#engines/reference/api/stream.ts';

/** A response whose reader has sent its request and reads nothing yet. */
async function slowReader() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const reader = connect({ port, host: '127.0.0.1' });
  reader.pause();
  reader.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  return { server, reader, response };
}

/** Sends until a send waits for the reader; the number of events sent and the send that waits. */
async function fill(events: EventStream) {
  for (let sent = 0; ; sent++) {
    const send = events.send({ text: 'x'.repeat(64 * 1024) });
    const waits = Promise.race([
      send.then(() => false),
      new Promise<boolean>((resolve) => setImmediate(resolve, true)),
    ]);
    if (await waits) return { sent: sent + 1, send };
  }
}

test('a reader that is behind holds the writer up until it reads', async () => {
  const { server, reader, response } = await slowReader();
  const events = new EventStream(response);
  const { sent, send } = await fill(events);
  let text = '';
  reader.on('data', (data: Buffer) => (text += data.toString()));
  reader.resume();
  await send;
  events.done();
  while (!text.includes('data: [DONE]')) await once(reader, 'data');
  expect(text.match(/data: \{"text"/g)).toHaveLength(sent);
  reader.destroy();
  server.close();
});

test('a reader that goes away ends the wait', async () => {
  const { server, reader, response } = await slowReader();
  const { send } = await fill(new EventStream(response));
  reader.destroy();
  await send;
  expect(response.destroyed).toBe(true);
  server.close();
});

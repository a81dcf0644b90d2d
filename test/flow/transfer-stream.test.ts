// The control stream over real sockets. What the native bus does is the fake's, so that each case can be brought about.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#core/clock.ts';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { transferSettings } from '#core/settings.ts';
import { TransferClient, type ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { connectService, type ServiceLink } from '#transfer/client.ts';
import { PROTOCOL, RouterHello, type Step } from '#transfer/hello.ts';
import { runTransfer, type RunningTransfer } from '#transfer/main.ts';
import { serveControl } from '#transfer/server.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { FakeBus } from '../unit/transfer/fake-bus.ts';
import { createWorld, Heard, KEY, NAMESPACE, keyOf, openOf, ticketOf } from '../unit/transfer/world.ts';

let directory = '';
const links: ServiceLink[] = [];
const services: RunningTransfer[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-stream-'));
});
afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()));
  await Promise.all(services.splice(0).map((service) => service.close()));
  rmSync(directory, { recursive: true });
});

async function serve(keys: readonly Uint8Array[] = [KEY], port = 0) {
  const settings = transferSettings.parse({
    node: 'here',
    port,
    admin: { port: 0 },
    socket: join(directory, 'engine.sock'),
    arena: { path: join(directory, 'arena'), bytes: 1 << 20, prefault: false },
  });
  const buses: FakeBus[] = [];
  const running = await runTransfer(settings, {
    keys, log: silentLogger, clock: systemClock, random: systemRandom,
    startBus: (options, wake) => {
      const bus = new FakeBus(options, wake);
      buses.push(bus);
      return bus;
    },
  }); // prettier-ignore
  services.push(running);
  const [bus] = buses;
  if (bus === undefined) throw new Error('no bus was started');
  bus.attach('decode', NAMESPACE);
  return { running, bus };
}

function connect(address: string, keys: readonly Uint8Array[] = [KEY], router = 'router') {
  const heard = new Heard();
  const link = connectService({
    node: 'here', address, router, keys, clock: systemClock, random: systemRandom, log: silentLogger, events: heard,
  }); // prettier-ignore
  links.push(link);
  return { link, heard };
}

/** One sample of /metrics; 0 when it has not appeared yet. */
async function metric(service: RunningTransfer, sample: string): Promise<number> {
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${sample} `))?.split(' ').at(-1) ?? 0);
} // prettier-ignore

async function untilMetric(service: RunningTransfer, sample: string, least: number): Promise<void> {
  while ((await metric(service, sample)) < least) await new Promise(setImmediate);
}

function okay<T>(step: Step<T>): T {
  if (!step.ok) throw new Error(step.refusal);
  return step.value;
}

describe('over real sockets', () => {
  test('a ticket is opened, progresses, settles and is reported', async () => {
    const { running, bus } = await serve();
    bus.store(keyOf(1));
    const { link, heard } = connect(running.address);
    await heard.until('snapshot');
    expect(heard.snapshots[0]?.keys).toEqual(keyOf(1));
    const granted = await link.open(openOf(ticketOf(1), 3));
    expect([...granted.need]).toEqual([0, 1, 1]);
    bus.now(ticketOf(1), 'streaming', { chunksLanded: 1 });
    await heard.until('progress target streaming');
    bus.now(ticketOf(1), 'landed', { chunksLanded: 2, stamps: new BigUint64Array(10).fill(5n) });
    await heard.until('progress target landed');
    link.renew(ticketOf(1), 1234);
    link.settle(ticketOf(1));
    await heard.until('report target settled');
    expect(heard.reports[0]?.layers).toHaveLength(2);
    expect(bus.calls).toEqual(['renew 1234', 'settle']);
  });

  test('a wrong key is refused and counted, and the right one goes on', async () => {
    const { running } = await serve();
    const good = connect(running.address);
    await good.heard.until('snapshot');
    const bad = connect(running.address, [Buffer.alloc(32, 66)], 'stranger');
    const raw = new TransferClient(running.address, credentials.createInsecure());
    // The link's own check ends it before it proves anything; this router does not check.
    const call = raw.stream(new Metadata());
    const status = new Promise<string>((resolve) => call.on('error', (error) => { resolve(error.message); })); // prettier-ignore
    call.on('data', () => call.write({ seq: 2n, messages: [{ message: { $case: 'proof', value: { mac: Buffer.alloc(32) } } }] })); // prettier-ignore
    const nonce = Buffer.alloc(32, 1);
    call.write({
      seq: 1n,
      messages: [{ message: { $case: 'hello', value: { router: 'raw', nonce, protocol: PROTOCOL } } }],
    });
    expect(await status).toMatch(/UNAUTHENTICATED.*\[hello_refused] wrong_key/);
    raw.close();
    expect(await metric(running, 'baton_transfer_hello_refused_total{reason="wrong_key"}')).toBe(1);
    expect(await metric(running, 'baton_transfer_routers_up')).toBe(1);
    expect(bad.link.info()).toBeNull();
    expect(good.heard.downs).toEqual([]);
  });

  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  test.each([
    ['HTTP/1.1', 'POST /baton.v1.Transfer/Stream HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(64)],
    ['frames of no kind', PREFACE + '\x00'.repeat(9) + '\xff'.repeat(64)],
    ['a frame beyond all bounds', `${PREFACE}\xff\xff\xff\x04\x00\x00\x00\x00\x00`],
    ['headers that do not decode', `${PREFACE}\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x01\x05\x00\x00\x00\x01${'\xff'.repeat(8)}`],
  ])('[control-bytes] %s where HTTP/2 is spoken ends its connection, and others go on', async (_, sent) => {
    const { running } = await serve();
    const good = connect(running.address);
    await good.heard.until('snapshot');
    const client = new RawClient(`http://${running.address}`).send(sent);
    await client.closed;
    client.leave();
    expect(await metric(running, 'baton_transfer_routers_up')).toBe(1);
    expect(good.heard.downs).toEqual([]);
  }); // prettier-ignore

  test('[control-message] bytes that are no message of ours end their stream, and others go on', async () => {
    const { running } = await serve();
    const good = connect(running.address);
    await good.heard.until('snapshot');
    const raw = new TransferClient(running.address, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    for (const sent of [
      Buffer.alloc(100, 0xff),
      Buffer.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f),
      Buffer.alloc(40 << 20),
    ]) {
      const call = raw.makeBidiStreamRequest('/baton.v1.Transfer/Stream', same, same);
      const status = new Promise<number>((resolve) => call.on('error', ({ code }: { code: number }) => { resolve(code); })); // prettier-ignore
      call.on('data', () => undefined);
      call.write(sent);
      expect(await status).toBeGreaterThan(0);
    }
    raw.close();
    expect(await metric(running, 'baton_transfer_routers_up')).toBe(1);
    expect(good.heard.downs).toEqual([]);
  });

  test('two keys are valid at a time', async () => {
    const old = Buffer.alloc(32, 77);
    const { running } = await serve([KEY, old]);
    const both = [connect(running.address, [KEY], 'a'), connect(running.address, [old, KEY], 'b')];
    await Promise.all(both.map(({ heard }) => heard.until('snapshot')));
    expect(await metric(running, 'baton_transfer_routers_up')).toBe(2);
  });

  test('a router that does not read is cut, and others go on', async () => {
    const { service, bus, metrics } = createWorld();
    const unsentBytesMax = 4 << 20;
    const control = await serveControl('127.0.0.1', 0, {
      service, metrics, keys: [KEY], clock: systemClock, random: systemRandom, log: silentLogger, unsentBytesMax,
    }); // prettier-ignore
    const address = `127.0.0.1:${control.port}`;
    const good = connect(address);
    await good.heard.until('snapshot');
    const raw = new TransferClient(address, credentials.createInsecure());
    const call = raw.stream(new Metadata());
    const gone = new Promise<void>((resolve) => call.on('error', () => { resolve(); })); // prettier-ignore
    const hello = new RouterHello('slow', [KEY], systemRandom, address);
    call.write({ seq: 1n, messages: [{ message: { $case: 'hello', value: okay(hello.hello()) } }] });
    const batch = await new Promise<ServiceBatch>((resolve) => call.once('data', resolve));
    call.pause();
    const challenge = batch.messages[0]?.message;
    if (challenge?.$case !== 'challenge') throw new Error('no challenge');
    const proof = okay(hello.challenge(challenge.value));
    call.write({ seq: 2n, messages: [{ message: { $case: 'proof', value: proof } }] });
    const routers = async (): Promise<number> => {
      await metrics.expose();
      return metrics.value('baton_transfer_routers_up');
    };
    while ((await routers()) < 2) await new Promise(setImmediate);

    // 256 KiB of hints a time.
    const keys = Array.from({ length: 8192 }, (_, i) => Buffer.alloc(32, `key ${i} `));
    for (let round = 1; (await routers()) === 2; round++) {
      expect(round).toBeLessThan(200);
      bus.store(...keys);
      await good.heard.until('chunks', round);
    }
    expect(await metrics.value('baton_transfer_streams_cut_total', { reason: 'overloaded' })).toBe(1);
    call.resume();
    await gone;
    raw.close();
    expect(good.heard.downs).toEqual([]);
    expect(await good.link.open(openOf(ticketOf(1)))).toMatchObject({ granted: true });
    await service.close();
    await control.close();
  });

  test('a link comes back to a restarted service by itself, and tickets of the earlier life are gone', async () => {
    const first = await serve();
    const port = Number(first.running.address.split(':')[1]);
    const { link, heard } = connect(first.running.address);
    await heard.until('snapshot');
    await link.open(openOf(ticketOf(1)));
    await first.running.close();
    await heard.until('down');
    expect(heard.log).toContain('report target aborted stopping');
    await expect(link.open(openOf(ticketOf(2)))).rejects.toMatchObject({ code: 'service_lost' });
    await serve([KEY], port);
    await heard.until('snapshot', 2);
    expect(heard.snapshots[1]?.tickets).toEqual([]);
    expect(await link.open(openOf(ticketOf(3)))).toMatchObject({ granted: true });
  });

  test('drain turns readiness off, refuses, and ends when the last ticket does', async () => {
    const { running } = await serve();
    const { link, heard } = connect(running.address);
    await heard.until('snapshot');
    await link.open(openOf(ticketOf(1)));
    const drained = running.drain();
    await heard.until('draining');
    expect((await fetch(`${running.adminUrl}/health/ready`)).status).toBe(503);
    expect((await fetch(`${running.adminUrl}/health/live`)).status).toBe(200);
    expect(await link.open(openOf(ticketOf(2)))).toMatchObject({ granted: false, reason: 'stopping' });
    link.settle(ticketOf(1));
    await drained;
  });

  test('a router whose stream breaks finds its tickets again under its name', async () => {
    const { running, bus } = await serve();
    const first = connect(running.address, [KEY], 'r1');
    await first.heard.until('snapshot');
    await first.link.open(openOf(ticketOf(1)));
    await first.heard.until('progress');
    await first.link.close();
    bus.now(ticketOf(1), 'streaming', { chunksLanded: 1 });
    const again = connect(running.address, [KEY], 'r1');
    const other = connect(running.address, [KEY], 'r2');
    await Promise.all([again.heard.until('snapshot'), other.heard.until('snapshot')]);
    expect(again.heard.snapshots[0]?.tickets).toMatchObject([
      { ticket: ticketOf(1), state: 'streaming', chunksLanded: 1 },
    ]);
    expect(other.heard.snapshots[0]?.tickets).toEqual([]);
    other.link.abort(ticketOf(1), 'aborted');
    await untilMetric(running, 'baton_transfer_messages_refused_total{reason="foreign_ticket"}', 1);
    again.link.abort(ticketOf(1), 'aborted');
    await again.heard.until('report target aborted aborted');
  });
});

// Two real services, each with an arena of its own, an engine attached to each through libbaton, and a link to each.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#core/clock.ts';
import { hex } from '#core/ids.ts';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import { engineSettings, transferSettings } from '#core/settings.ts';
import { loadModel } from '#engines/reference/model.ts';
import { native, type NativeBatonClient, type NativeEngine } from '#engines/reference/native.ts';
import { connectService, type ExpectRequest, type OpenRequest, type ServiceLink } from '#transfer/client.ts';
import { runTransfer, type RunningTransfer } from '#transfer/main.ts';
import { Heard, KEY, expectOf, openOf } from '../unit/transfer/world.ts';

const model = loadModel(
  engineSettings.parse({
    model: 'synthetic',
    layers: 2,
    heads: 2,
    head_dim: 64,
    pages: 64,
    max_model_len: 1024,
    chunk_tokens: 256,
  }),
);
const CHUNK = 2 * 2 * 256 * 2 * 64 * 2; // bytes: layers, heads, tokens, planes, dimension, bf16
const ARENA = 32 * CHUNK;

let directory = '';
let shm = '';
const ends: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-native-'));
  shm = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : directory, 'baton-native-'));
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  rmSync(directory, { recursive: true });
  rmSync(shm, { recursive: true, force: true });
});

const settingsOf = (node: string, changes: object = {}) =>
  transferSettings.parse({
    node,
    port: 0,
    admin: { port: 0 },
    socket: join(directory, `${node}.sock`),
    arena: { path: join(shm, node), bytes: ARENA, slots_max: 256, prefault: false },
    ...changes,
  });

async function serve(node: string, keys: readonly Uint8Array[] = [KEY]): Promise<RunningTransfer> {
  const deps = { keys, log: silentLogger, clock: systemClock, random: systemRandom };
  const running = await runTransfer(settingsOf(node), deps);
  ends.push(() => running.close());
  return running;
}

async function link(service: RunningTransfer, router = 'router', keys: readonly Uint8Array[] = [KEY]) {
  const heard = new Heard();
  const { address, node } = service;
  const random = systemRandom;
  const made = connectService({ node, address, router, keys, clock: systemClock, random, log: silentLogger, events: heard });
  ends.push(() => made.close());
  await heard.until('snapshot');
  return { link: made, heard };
} // prettier-ignore

/** An engine attached to a node, and what the service says of it. */
async function attach(node: string, engine: string, heard: Heard): Promise<NativeBatonClient> {
  const made: NativeEngine = native.createEngine(model.options);
  ends.push(() => { made.close(); }); // prettier-ignore
  const client = made.attach({
    socketPath: join(directory, `${node}.sock`), engine, namespace: model.namespace, chunkTokens: 256, timeoutMs: 2000,
  }); // prettier-ignore
  ends.push(() => { client.detach(); }); // prettier-ignore
  await heard.until(`attached ${engine}`);
  return client;
}

async function metric(service: RunningTransfer, sample: string): Promise<number> {
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${sample} `))?.split(' ').at(-1) ?? 0);
} // prettier-ignore

async function untilMetric(service: RunningTransfer, sample: string, value: number): Promise<void> {
  while ((await metric(service, sample)) !== value) await new Promise(setImmediate);
}

const newTicket = (): Uint8Array => randomBytes(16);

/** Both nodes, ready for handoffs from `a` to `b`. */
async function world() {
  const [a, b] = [await serve('a'), await serve('b')];
  const [source, target] = [await link(a), await link(b)];
  await attach('a', 'prefill', source.heard);
  await attach('b', 'decode', target.heard);
  const info = (at: ServiceLink) => {
    const now = at.info();
    if (now === null) throw new Error('the link is down');
    return now;
  };
  const open = (ticket: Uint8Array, chunks: number, changes: Partial<OpenRequest> = {}) =>
    target.link.open({
      ...openOf(ticket, chunks), namespace: model.namespace, keys: randomBytes(32 * chunks), sourceNode: 'a',
      sourceIncarnation: info(source.link).incarnation, ...changes,
    }); // prettier-ignore
  const expectAt = (ticket: Uint8Array, chunks: number, changes: Partial<ExpectRequest> = {}) => {
    const { incarnation, laneHost, lanePort } = info(target.link);
    return source.link.expect({
      ...expectOf(ticket, chunks), engine: 'prefill', namespace: model.namespace, keys: randomBytes(32 * chunks),
      targetNode: 'b', targetHost: laneHost, targetPort: lanePort, targetIncarnation: incarnation, ...changes,
    }); // prettier-ignore
  };
  return { a, b, source, target, open, expectAt, info };
}

describe('two services', () => {
  test('tell who is attached, with its geometry, and when it goes', async () => {
    const a = await serve('a');
    const first = await link(a);
    const client = await attach('a', 'prefill', first.heard);
    const later = await link(a, 'later');
    expect(later.heard.snapshots[0]?.attachments).toMatchObject([
      { engine: 'prefill', namespace: Buffer.from(model.namespace), geometry: model.geometry },
    ]);
    client.detach();
    await first.heard.until('detached prefill');
    await untilMetric(a, 'baton_transfer_sessions_up', 0);
  });

  test('grant a ticket on both ends, and an abort of both returns everything', async () => {
    const { a, b, source, target, open, expectAt } = await world();
    const ticket = newTicket();
    const keys = randomBytes(32 * 3);
    const granted = await open(ticket, 3, { keys });
    expect(granted).toMatchObject({ granted: true, reason: '' });
    expect([...granted.need]).toEqual([1, 1, 1]);
    expect(granted.epoch).toBeGreaterThan(0);
    const expected = await expectAt(ticket, 3, { keys, need: granted.need, epoch: granted.epoch });
    expect(expected).toMatchObject({ granted: true, reason: '' });
    await Promise.all([
      source.heard.until('progress source'),
      target.heard.until('progress target reserved'),
    ]);
    expect(await metric(b, 'baton_transfer_tickets_live')).toBe(1);
    expect(await metric(b, 'baton_transfer_arena_pins')).toBe(3);
    source.link.abort(ticket, 'aborted');
    target.link.abort(ticket, 'aborted');
    await Promise.all([source.heard.until('report source'), target.heard.until('report target')]);
    for (const { heard } of [source, target]) {
      expect(heard.reports.map((report) => hex(report.ticket))).toEqual([hex(ticket)]);
      expect(['aborted', 'failed']).toContain(heard.reports[0]?.state);
    }
    for (const service of [a, b]) {
      await untilMetric(service, 'baton_transfer_tickets_live', 0);
      await untilMetric(service, 'baton_transfer_arena_pins', 0);
      await untilMetric(service, 'baton_transfer_arena_slots_used', 0);
      expect(await metric(service, 'baton_transfer_ledger_live')).toBe(0);
    }
  });

  test('refuse what they cannot do, each with its reason', async () => {
    const { target, open, expectAt } = await world();
    const reason = async (answer: Promise<{ granted: boolean; reason: string }>) => {
      const { granted, reason } = await answer;
      return granted ? 'granted' : reason;
    };
    const ticket = newTicket();
    expect(await reason(open(newTicket(), 24))).toBe('too_large');
    expect(await reason(open(newTicket(), 14))).toBe('granted');
    expect(await reason(open(ticket, 14))).toBe('granted');
    const full = await open(newTicket(), 14);
    expect(full).toMatchObject({ granted: false, reason: 'target_full' });
    expect(full.freeBytes).toBeLessThan(14 * CHUNK);
    expect(await reason(open(ticket, 1))).toBe('duplicate_ticket');
    expect(await reason(open(newTicket(), 1, { engine: 'nobody' }))).toBe('no_attachment');
    expect(await reason(open(newTicket(), 1, { namespace: randomBytes(32) }))).toBe('no_attachment');
    expect(await reason(expectAt(newTicket(), 1, { engine: 'nobody' }))).toBe('no_attachment');
    expect(
      await reason(open(newTicket(), 1, { sourceNode: 'b', sourceEngine: 'decode', sourceIncarnation: 0n })),
    ).toBe('stale_incarnation');
    target.link.settle(ticket);
    await target.heard.until('report');
    expect(await reason(open(ticket, 1))).toBe('ended_ticket');
  });

  test('end a ticket whose lease is not renewed, and keep one that is', async () => {
    const { b, target, open } = await world();
    const [short, kept] = [newTicket(), newTicket()];
    await open(kept, 1, { leaseMs: 300 });
    target.link.renew(kept, 60_000);
    await open(short, 2, { leaseMs: 400 });
    await target.heard.until('report target expired expired');
    expect(target.heard.reports.map((report) => hex(report.ticket))).toEqual([hex(short)]);
    expect(await metric(b, 'baton_transfer_tickets_expired_total')).toBe(1);
    target.link.settle(kept);
    await target.heard.until('report', 2);
    await untilMetric(b, 'baton_transfer_arena_pins', 0);
  });

  test('with one arena for both legs reserve once, for one ticket of both roles', async () => {
    const a = await serve('a');
    const { link: both, heard } = await link(a);
    await attach('a', 'prefill', heard);
    await attach('a', 'decode', heard);
    const ticket = newTicket();
    const request = {
      ...openOf(ticket, 2),
      namespace: model.namespace,
      keys: randomBytes(64),
      sourceNode: 'a',
    };
    const incarnation = both.info()?.incarnation ?? 0n;
    expect(await both.open({ ...request, sourceIncarnation: incarnation })).toMatchObject({ granted: true });
    await heard.until('progress both reserved');
    both.abort(ticket, 'aborted');
    await heard.until('report both aborted aborted');
    expect(heard.reports).toHaveLength(1);
    await untilMetric(a, 'baton_transfer_arena_slots_used', 0);
  });

  test('a ticket whose prefill engine goes away fails on the source at once', async () => {
    const { source, open, expectAt, a } = await world();
    const more = await attach('a', 'brief', source.heard);
    const ticket = newTicket();
    const keys = randomBytes(32);
    const { need, epoch } = await open(ticket, 1, { keys, sourceEngine: 'brief' });
    expect(await expectAt(ticket, 1, { keys, need, epoch, engine: 'brief' })).toMatchObject({
      granted: true,
    });
    more.detach();
    await source.heard.until('report source failed engine_gone');
    await untilMetric(a, 'baton_transfer_tickets_live', 0);
  });

  test("another router's ticket is left alone", async () => {
    const { b, target, open } = await world();
    const ticket = newTicket();
    await open(ticket, 1);
    const stranger = await link(b, 'stranger');
    stranger.link.abort(ticket, 'aborted');
    stranger.link.settle(ticket);
    stranger.link.abort(newTicket(), 'aborted');
    await untilMetric(b, 'baton_transfer_messages_refused_total{reason="foreign_ticket"}', 2);
    await untilMetric(b, 'baton_transfer_messages_refused_total{reason="unknown_ticket"}', 1);
    expect(await metric(b, 'baton_transfer_tickets_live')).toBe(1);
    expect(target.heard.reports).toEqual([]);
  });

  test('drain, then end what is left with a last word; a new life has a new incarnation', async () => {
    const { b, target, open, info } = await world();
    const before = info(target.link).incarnation;
    const ticket = newTicket();
    await open(ticket, 1);
    const drained = b.drain();
    await target.heard.until('draining');
    expect(await open(newTicket(), 1)).toMatchObject({ granted: false, reason: 'stopping' });
    target.link.settle(ticket);
    await drained;
    await b.close();
    await target.heard.until('down');
    const again = await link(await serve('b'));
    expect(info(again.link).incarnation).toBeGreaterThan(before);
    expect(again.heard.snapshots[0]?.tickets).toEqual([]);
  });
});

test('services without a common key refuse each other’s lanes, and count it', async () => {
  const other = Buffer.alloc(32, 66);
  const [a, b] = [await serve('a', [KEY]), await serve('b', [other])];
  const [source, target] = [await link(a, 'router', [KEY]), await link(b, 'router', [other])];
  await attach('a', 'prefill', source.heard);
  await attach('b', 'decode', target.heard);
  const ticket = newTicket();
  const request = { namespace: model.namespace, keys: randomBytes(32) };
  const { epoch } = await target.link.open({ ...openOf(ticket, 1), ...request, sourceNode: 'a' });
  const where = { targetNode: 'b', targetHost: '127.0.0.1', targetPort: b.lanePort };
  await source.link.expect({ ...expectOf(ticket, 1), ...request, ...where, engine: 'prefill', epoch });
  await source.heard.until('report source failed');
  expect(source.heard.reports[0]?.reason).toMatch(/^lane_(refused|lost)$/);
  // Whichever end is shown a proof that it cannot check counts it.
  const counted = await Promise.all([a, b].map((s) => metric(s, 'baton_transfer_lane_hello_refused_total')));
  expect(counted.reduce((sum, count) => sum + count)).toBeGreaterThan(0);
});

test('a second service on a socket that lives, and an arena in use, are refused with what to do', async () => {
  await serve('a');
  const deps = { keys: [KEY], log: silentLogger, clock: systemClock, random: systemRandom };
  const socket = join(directory, 'a.sock');
  const arena = { path: join(shm, 'a'), bytes: ARENA, slots_max: 256, prefault: false };
  await expect(runTransfer(settingsOf('c', { socket }), deps)).rejects.toMatchObject({
    code: 'start_failed',
  });
  await expect(runTransfer(settingsOf('c', { arena }), deps)).rejects.toMatchObject({ code: 'start_failed' });
  const fresh = await serve('d');
  expect(await metric(fresh, 'baton_transfer_tickets_live')).toBe(0);
});

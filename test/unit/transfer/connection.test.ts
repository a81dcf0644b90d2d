import { describe, expect, test } from 'vitest';
import { VERSION } from '#core/version.ts';
import type { RouterBatch, ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { KEY, NAMESPACE, createWorld, expectOf, joined, keyOf, openOf, ticketOf } from './world.ts';

describe('a link', () => {
  test('comes up with who the service is and a snapshot of what it has', async () => {
    const world = createWorld();
    world.bus.store(keyOf(1), keyOf(2));
    const { link, heard } = await joined(world);
    expect(heard.log.slice(0, 2)).toEqual(['up here', 'snapshot']);
    expect(link.info()).toEqual({
      node: 'here',
      incarnation: 7n,
      laneHost: '127.0.0.1',
      lanePort: 4444,
      arenaBytes: 1 << 20,
      version: VERSION,
    });
    const [snapshot] = heard.snapshots;
    expect(snapshot?.attachments).toMatchObject([
      { engine: 'decode', geometry: { layers: 2, planeBytes: [64, 64] } },
    ]);
    expect(snapshot?.keys).toEqual(Buffer.concat([keyOf(1), keyOf(2)]));
    expect(snapshot?.draining).toBe(false);
    await link.close();
  });

  test('answers Open and Expect, tells progress and the last word', async () => {
    const world = createWorld();
    world.bus.store(keyOf(1));
    const { link, heard } = await joined(world);
    const granted = await link.open(openOf(ticketOf(1), 3));
    expect(granted).toMatchObject({ granted: true, reason: '', epoch: 1 });
    expect([...granted.need]).toEqual([0, 1, 1]);
    expect(await link.expect(expectOf(ticketOf(2)))).toMatchObject({ granted: true });
    world.bus.now(ticketOf(1), 'landed', { chunksLanded: 2 });
    await heard.until('progress target landed');
    link.settle(ticketOf(1));
    link.abort(ticketOf(2), 'lane_lost');
    await heard.until('report', 2);
    expect(heard.log.filter((line) => line.startsWith('report'))).toEqual([
      'report target settled', 'report source aborted lane_lost',
    ]); // prettier-ignore
    await link.close();
  });

  test('is refused with what is free', async () => {
    const world = createWorld();
    const { link } = await joined(world);
    const reasons = async (chunks: number, changes = {}) =>
      (await link.open(openOf(ticketOf(chunks), chunks, changes))).reason;
    expect(await reasons(13)).toBe('too_large');
    expect(await reasons(10)).toBe('');
    expect(await link.open(openOf(ticketOf(99), 7))).toMatchObject({
      granted: false,
      reason: 'target_full',
      freeBytes: 6 * 1024,
    });
    expect(await reasons(3, { engine: 'nobody' })).toBe('no_attachment');
    await link.close();
  });

  test('sends what is said in one turn as one batch, and so does the service', async () => {
    const batches: RouterBatch[] = [];
    const answers: ServiceBatch[] = [];
    const world = createWorld({
      onRouter: (batch) => batches.push(batch),
      onService: (batch) => answers.push(batch) > 0,
    });
    const { link } = await joined(world);
    batches.length = 0;
    answers.length = 0;
    await Promise.all([1, 2, 3, 4].map((n) => link.open(openOf(ticketOf(n), 1))));
    expect(batches.map(({ messages }) => messages.length)).toEqual([4]);
    expect(answers.map(({ messages }) => messages.length)).toEqual([8]);
    await link.close();
  });

  test('rejects what is in flight when its stream ends, and gives it up at the service once back', async () => {
    let hold = false;
    const world = createWorld({ onService: () => !hold });
    const { link, heard } = await joined(world);
    hold = true;
    const answer = link.open(openOf(ticketOf(1)));
    const again = link.open(openOf(ticketOf(1)));
    await expect(again).rejects.toMatchObject({ code: 'duplicate_ticket' });
    while (world.service.live === 0) await new Promise(setImmediate);
    world.breakStreams();
    await expect(answer).rejects.toMatchObject({ code: 'service_lost' });
    hold = false;
    expect(link.info()).toBeNull();
    await expect(link.open(openOf(ticketOf(2)))).rejects.toMatchObject({ code: 'service_lost' });
    await heard.until('up', 2);
    await heard.until('report target aborted');
    expect(world.service.live).toBe(0);
    await link.close();
  });

  test('keeps its tickets over a lost stream and finds them in the next snapshot', async () => {
    const world = createWorld();
    const { link, heard } = await joined(world);
    await link.open(openOf(ticketOf(1)));
    await link.open(openOf(ticketOf(2)));
    await heard.until('progress', 2);
    world.breakStreams();
    await heard.until('down');
    world.bus.now(ticketOf(1), 'streaming', { chunksLanded: 1 });
    world.bus.now(ticketOf(2), 'expired');
    await heard.until('snapshot', 2);
    await heard.until('report');
    expect(heard.snapshots[1]?.tickets).toMatchObject([
      { ticket: ticketOf(1), role: 'target', state: 'streaming', chunksLanded: 1 },
    ]);
    expect(heard.reports).toMatchObject([{ ticket: ticketOf(2), state: 'expired', reason: 'expired' }]);
    link.settle(ticketOf(1));
    await heard.until('report', 2);
    await link.close();
  });

  test('says after a reconnect what it was told to say while down', async () => {
    const world = createWorld();
    const { link, heard } = await joined(world);
    await link.open(openOf(ticketOf(1)));
    world.breakStreams();
    await heard.until('down');
    link.abort(ticketOf(1), 'aborted');
    await heard.until('report target aborted aborted');
    await link.close();
  });

  test("does not see another router's tickets", async () => {
    const world = createWorld();
    const a = await joined(world, 'a');
    await a.link.open(openOf(ticketOf(1)));
    const b = await joined(world, 'b');
    expect(b.heard.snapshots[0]?.tickets).toEqual([]);
    b.link.abort(ticketOf(1), 'aborted');
    b.link.settle(ticketOf(1));
    await b.link.open(openOf(ticketOf(2)));
    expect(
      await world.metrics.value('baton_transfer_messages_refused_total', { reason: 'foreign_ticket' }),
    ).toBe(2);
    expect(world.service.live).toBe(2);
    expect(a.heard.reports).toEqual([]);
    await a.link.close();
    await b.link.close();
  });

  test('ends its stream on a gap in the service’s numbers', async () => {
    let skip = false;
    const world = createWorld({
      onService: (batch) => {
        if (skip) batch.seq++;
        return true;
      },
    });
    const { link, heard } = await joined(world);
    skip = true;
    const answer = link.open(openOf(ticketOf(1)));
    await expect(answer).rejects.toMatchObject({ code: 'service_lost' });
    expect(heard.downs[0]).toContain('in place of');
    await link.close();
  });

  test.each([
    ['a wrong key', [Buffer.alloc(32, 66)], 'here', 'wrong_key'],
    ['no key', [], 'here', 'not_keyed'],
    ['the name of another node', [KEY], 'elsewhere', 'wrong_node'],
  ])('with %s does not come up, and tells why', async (_, keys, node, why) => {
    const seen: RouterBatch[] = [];
    let tried!: () => void;
    const twice = new Promise<void>((resolve) => { tried = resolve; }); // prettier-ignore
    const world = createWorld({ onRouter: (batch) => { if (seen.push(batch) >= 4) tried(); } }); // prettier-ignore
    const { link, heard } = world.connect('router', keys, undefined, node);
    await twice;
    expect(link.info()).toBeNull();
    expect(heard.log).toEqual([]);
    expect(heard.refusals[0]).toBe(`hello_refused: ${why}`);
    await link.close();
  });

  test('hears of chunks and attachments as they change; the last event on a key counts', async () => {
    const world = createWorld();
    const { link, heard } = await joined(world);
    world.bus.store(keyOf(1), keyOf(2));
    world.bus.remove(keyOf(1));
    world.bus.attach('prefill', NAMESPACE);
    world.bus.attach('prefill', NAMESPACE, false);
    await heard.until('detached prefill');
    await heard.until('chunks');
    expect(heard.log.filter((line) => line.includes('prefill'))).toEqual([
      'attached prefill',
      'detached prefill',
    ]);
    expect(heard.changes).toEqual([{ relist: false, stored: keyOf(2), removed: keyOf(1) }]);
    world.bus.loseEvents();
    await heard.until('chunks', 2);
    expect(heard.changes[1]).toEqual({ relist: true, stored: keyOf(2), removed: Buffer.alloc(0) });
    await link.close();
  });
});

import { describe, expect, test } from 'vitest';
import { createWorld, expectOf, joined, openOf, ticketOf } from './world.ts';

describe('a draining service', () => {
  test('tells its routers, refuses new tickets and waits for those that live', async () => {
    const world = createWorld();
    const { link, heard } = await joined(world);
    await link.open(openOf(ticketOf(1)));
    let drained = false;
    const drain = world.service.drain(60_000).then(() => (drained = true));
    await heard.until('draining');
    expect(world.service.ready).toBe(false);
    expect(await link.open(openOf(ticketOf(2)))).toMatchObject({ granted: false, reason: 'stopping' });
    expect(await link.expect(expectOf(ticketOf(3)))).toMatchObject({ granted: false, reason: 'stopping' });
    expect(drained).toBe(false);
    link.settle(ticketOf(1));
    await drain;
    expect(world.service.live).toBe(0);
    await link.close();
  });

  test('waits no longer than its bound', async () => {
    const world = createWorld();
    const { link } = await joined(world);
    await link.open(openOf(ticketOf(1)));
    await world.service.drain(5);
    expect(world.service.live).toBe(1);
    await link.close();
  });

  test('that closes gives every live ticket its last word before the streams end', async () => {
    const world = createWorld();
    const { link, heard } = await joined(world);
    await link.open(openOf(ticketOf(1)));
    await link.expect(expectOf(ticketOf(2)));
    await Promise.all([world.service.close(), world.service.close()]);
    await heard.until('down');
    expect(heard.log.filter((line) => line.startsWith('report')).sort()).toEqual([
      'report source aborted stopping', 'report target aborted stopping',
    ]); // prettier-ignore
    expect(heard.log.at(-1)).toBe('down');
    await link.close();
  });

  test('tells a router that joins while it drains', async () => {
    const world = createWorld();
    await world.service.drain(1);
    const { link, heard } = await joined(world);
    expect(heard.snapshots[0]?.draining).toBe(true);
    await link.close();
  });
});

test('two tickets with one id on one service are one ticket', async () => {
  const world = createWorld();
  const { link } = await joined(world);
  await link.open(openOf(ticketOf(1), 1, { sourceNode: 'here', sourceIncarnation: 7n }));
  expect(await link.expect(expectOf(ticketOf(1)))).toMatchObject({
    granted: false,
    reason: 'duplicate_ticket',
  });
  await link.close();
});

test('a ticket of a shared arena has one role, both', async () => {
  const world = createWorld();
  const { link, heard } = await joined(world);
  await link.open(openOf(ticketOf(1), 1, { sourceNode: 'here', sourceIncarnation: 7n }));
  link.settle(ticketOf(1));
  await heard.until('report both settled');
  expect(heard.reports).toHaveLength(1);
  await link.close();
});

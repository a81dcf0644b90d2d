import { afterEach, describe, expect, test } from 'vitest';
import { EVENTS, STATES, TABLE } from '#router/states.ts';
import { step } from '#router/step.ts';
import { reach, type Reached } from './reach.ts';
import { turn } from './rig.ts';

let reached: Reached | null = null;
afterEach(async () => reached?.rig.close());

const defects = (): Promise<number> =>
  reached?.rig.world.metrics.value('baton_router_defects_total') ?? Promise.resolve(NaN);

describe('an event that cannot happen in the state a request is in', () => {
  const waiting = ['admit', 'reserve: target asked', 'handoff', 'decode', 'stream', 'stalled'];

  test.each(waiting)('is counted and ends the request, which is waiting in %s', async (where) => {
    reached = await reach('baton', where);
    const { ctx, rig, client } = reached;
    const event = EVENTS.find((one) => TABLE[ctx.state][one] === null) ?? 'settled';
    step(ctx, rig.world, event);
    await turn();
    expect(ctx.state).toBe('ended');
    expect(await defects()).toBe(1);
    expect(client.code).toBe('internal');
    expect(rig.world.watch.requests.size).toBe(0);
  });

  test('does not let a stage run that has lost its way, whichever state it claims', async () => {
    for (const state of STATES) {
      reached = await reach('local', 'decode');
      const { ctx, rig } = reached;
      ctx.state = state;
      reached.leg().begin();
      reached.leg().handler.data(Buffer.from('data: [DONE]\n\n'));
      reached.leg().end();
      await turn();
      expect([state, rig.world.watch.requests.size]).toEqual([state, 0]);
      await rig.close();
    }
  });
});

test('a request that goes well meets no defect on its way', async () => {
  reached = await reach('baton', 'stalled');
  const { ctx, client } = reached;
  const leg = reached.leg();
  client.take();
  expect(ctx.state).toBe('stream');
  leg.handler.data(Buffer.from('data: [DONE]\n\n'));
  leg.end();
  await turn();
  expect([ctx.state, ctx.record.code, await defects()]).toEqual(['ended', 'ok', 0]);
});

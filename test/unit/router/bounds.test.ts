import { afterEach, describe, expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import { BOUNDS } from '#router/bounds.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { STATES } from '#router/states.ts';
import { reach, type Reached } from './reach.ts';

let reached: Reached | null = null;
afterEach(async () => reached?.rig.close());

// Each bound another one, and the request's own far beyond all.
const timeouts = {
  request_ms: 3_600_000,
  handoff_idle_ms: 3000,
  first_token_ms: 5000,
  stream_idle_ms: 7000,
  client_stall_ms: 9000,
};
const once = { limits: { attempts: 1 }, timeouts };
const tick = ROUTER_LIMITS.tickMs;

describe('a request that waits in vain ends when the bound of its state has passed, and not before', () => {
  test.each([
    ['baton', 'admit', LIMITS.bodyMs, 'request_timeout'],
    ['baton', 'reserve: target asked', 2 * LIMITS.grantMs + ROUTER_LIMITS.graceMs, 'deadline_exceeded'],
    ['baton', 'handoff', timeouts.handoff_idle_ms, 'prefill_failed'],
    ['vllm-nixl', 'handoff', timeouts.first_token_ms, 'prefill_failed'],
    ['baton', 'decode', timeouts.first_token_ms, 'decode_failed'],
    ['local', 'decode', timeouts.first_token_ms, 'decode_failed'],
    ['baton', 'stalled', timeouts.client_stall_ms, 'client_closed'],
  ])('%s, %s', async (dialect, where, ms, code) => {
    reached = await reach(dialect, where, once);
    const { ctx, rig } = reached;
    await rig.pass(ms - 2 * tick);
    expect(ctx.record.code).toBeNull();
    await rig.pass(3 * tick);
    expect([ctx.state, ctx.record.code]).toEqual(['ended', code]);
  });

  test('a stream, between once and twice of its bound after its last byte', async () => {
    reached = await reach('baton', 'stream', once);
    const { ctx, rig } = reached;
    const leg = reached.leg();
    for (let n = 0; n < 10; n++) {
      await rig.pass(timeouts.stream_idle_ms - tick);
      leg.handler.data(Buffer.from(`data: ${n}\n\n`));
    }
    await rig.pass(timeouts.stream_idle_ms - tick);
    expect(ctx.state).toBe('stream');
    await rig.pass(timeouts.stream_idle_ms + 2 * tick);
    expect([ctx.state, ctx.record.code]).toEqual(['ended', 'decode_interrupted']);
    expect(leg.closed).toBe(true);
  });

  test('a whole answer of an engine that is up, after half of the time that was left', async () => {
    reached = await reach(
      'baton',
      'decode',
      { ...once, timeouts: { ...timeouts, request_ms: 60_000 } },
      false,
    );
    const { ctx, rig } = reached;
    await rig.pass(29_000);
    expect(ctx.state).toBe('decode');
    await rig.pass(timeouts.first_token_ms + 2000);
    expect(ctx.record.code).toBe('decode_failed');
  });

  test('and any state when the time of the request is over', async () => {
    for (const where of ['admit', 'reserve: target asked', 'handoff', 'decode', 'stream', 'stalled']) {
      reached = await reach('baton', where, { timeouts: { request_ms: 1000 } });
      await reached.rig.pass(1000 + tick);
      expect([where, reached.ctx.record.code]).toEqual([where, 'deadline_exceeded']);
      await reached.rig.close();
    }
  });
});

test('an engine that does not tokenize in time leaves the prompt to whoever computes it', async () => {
  reached = await reach('baton', 'render', { placement: { mode: 'auto' } });
  await reached.rig.pass(ROUTER_LIMITS.tokenizeMs);
  expect([reached.ctx.state, reached.ctx.localBecause]).toEqual(['decode', 'unnamed: no renderer']);
});

test('progress begins the bound of a handoff anew', async () => {
  reached = await reach('baton', 'handoff', once);
  const { ctx, rig } = reached;
  for (let n = 0; n < 5; n++) {
    await rig.pass(timeouts.handoff_idle_ms - tick);
    rig.target.progress(ctx.attempt?.ticket?.hex ?? '', 'target', 'streaming');
  }
  expect(ctx.state).toBe('handoff');
});

test('the answer of a prefill leg that comes when everything has landed leaves the bound of the decode leg as it is', async () => {
  reached = await reach('baton', 'decode', once);
  const { ctx, rig } = reached;
  await rig.pass(timeouts.first_token_ms - 2 * tick);
  rig.legs[0]?.answer('{}');
  await rig.pass(3 * tick);
  expect(ctx.record.code).toBe('decode_failed');
});

test('every state has a bound, none beyond the deadline of its request', async () => {
  reached = await reach('baton', 'decode', { timeouts: { request_ms: 1000 } });
  expect(Object.keys(BOUNDS).sort()).toEqual([...STATES].sort());
  expect(reached.ctx.until).toBe(reached.ctx.deadline);
});

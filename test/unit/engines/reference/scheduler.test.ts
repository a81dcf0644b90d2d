import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { expectedTokens } from './fake-native.ts';
import { PAGE, prompt, Rig, TICKET, TICKET_HEX } from './rig.ts';

describe('steps', () => {
  test('a prompt longer than the budget is cut into steps and answered as if it were not', async () => {
    const rig = new Rig({ maxBatchedTokens: 24 });
    const run = await rig.run(prompt(70), 5);
    expect(rig.native.steps.slice(0, 3).map(([row]) => [row?.start, row?.end])).toEqual([
      [0, 24],
      [24, 48],
      [48, 70],
    ]);
    expect(run.tokens).toEqual(expectedTokens(prompt(70), 5));
    expect(run.finish).toBe('length');
  });

  test('every budget gives the same tokens', async () => {
    for (const maxBatchedTokens of [1, 7, 8, 31, 32, 33, 200]) {
      const rig = new Rig({ maxBatchedTokens, maxSequences: 1 });
      expect((await rig.run(prompt(67), 40)).tokens).toEqual(expectedTokens(prompt(67), 40));
    }
  });

  test('a running decode gets its token in every step while a long prompt is computed', async () => {
    const rig = new Rig({ maxBatchedTokens: 16 });
    const decode = rig.submit(prompt(5), 20);
    await rig.scheduler.turn();
    const long = rig.submit(prompt(100, 1), 1);
    while (long.finish === null) {
      const before = decode.tokens.length;
      await rig.scheduler.turn();
      expect(decode.tokens.length).toBe(before + 1);
    }
    await rig.settle();
    expect(decode.tokens).toEqual(expectedTokens(prompt(5), 20));
  });

  test('many sequences batch together and each gets its own answer', async () => {
    const rig = new Rig({ maxBatchedTokens: 64, maxSequences: 4 });
    const runs = Array.from({ length: 9 }, (_, i) => rig.submit(prompt(10 + i * 7, i), 6));
    await rig.settle();
    runs.forEach((run, i) => { expect(run.tokens).toEqual(expectedTokens(prompt(10 + i * 7, i), 6)); }); // prettier-ignore
    expect(Math.max(...rig.native.steps.map((rows) => rows.length))).toBe(4);
    expect(rig.pool.used).toBe(0);
  });

  test('a step that throws fails its sequences, gives their fills up and leaves the engine serving', async () => {
    const rig = new Rig();
    rig.native.tickets.set(TICKET_HEX, { status: 0, need: null, accepted: 0, forgotten: 0 });
    rig.native.stepError = new Error('broken');
    const run = await rig.run(prompt(40), 3, { ticket: TICKET, role: 'prefill' });
    expect(run.error).toBe(rig.native.stepError);
    expect(rig.native.aborted).toHaveLength(2);
    expect(rig.pool.used).toBe(0);
    rig.native.stepError = null;
    expect((await rig.run(prompt(40), 3)).tokens).toEqual(expectedTokens(prompt(40), 3));
  });
});

describe('preemption', () => {
  test('sequences that outgrow the pages are computed again and answered right', async () => {
    const rig = new Rig({ pages: 16 });
    const runs = Array.from({ length: 4 }, (_, i) => rig.submit(prompt(20, i), 60));
    await rig.settle();
    runs.forEach((run, i) => { expect(run.tokens).toEqual(expectedTokens(prompt(20, i), 60)); }); // prettier-ignore
    expect(await rig.metrics.value('baton_engine_preemptions_total')).toBeGreaterThan(0);
    expect(rig.pool.used).toBe(0);
  });

  test('the sequence admitted first keeps its pages', async () => {
    const rig = new Rig({ pages: 16 });
    const first = rig.submit(prompt(40, 1), 60);
    const second = rig.submit(prompt(40, 2), 60);
    let preempted = false;
    while (first.finish === null) {
      await rig.scheduler.turn();
      preempted ||= second.sequence.state === 'waiting';
      expect(first.sequence.state).not.toBe('waiting');
    }
    expect(preempted).toBe(true);
    await rig.settle();
    expect(second.tokens).toEqual(expectedTokens(prompt(40, 2), 60));
  });

  test('a prompt waits until there are pages for all of it', async () => {
    const rig = new Rig({ pages: 10 });
    rig.submit(prompt(60), 10);
    await rig.scheduler.turn();
    const second = rig.submit(prompt(30, 1), 2);
    await rig.scheduler.turn();
    expect(second.sequence.state).toBe('waiting');
    await rig.settle();
    expect(second.tokens).toEqual(expectedTokens(prompt(30, 1), 2));
  });
});

describe('abort', () => {
  test('a waiting sequence never runs', async () => {
    const rig = new Rig();
    const run = rig.submit(prompt(20), 5);
    rig.scheduler.abort(run.sequence);
    await rig.settle();
    expect(rig.native.steps).toEqual([]);
    expect(run.sequence.state).toBe('ended');
  });

  test('a running sequence keeps its pages until the step that uses them has ended', async () => {
    const rig = new Rig();
    const step = Promise.withResolvers<undefined>();
    rig.native.stepGate = step.promise;
    const run = rig.submit(prompt(20), 5);
    const turn = rig.scheduler.turn();
    rig.scheduler.abort(run.sequence);
    await setImmediate();
    expect(rig.pool.used).toBe(Math.ceil(20 / PAGE));
    step.resolve(undefined);
    await turn;
    expect(rig.pool.used).toBe(0);
    expect(run.tokens).toEqual([]);
    expect(run.finish).toBeNull();
  });

  test('a loading sequence keeps its pages until the load has ended, and its claim is released once', async () => {
    const rig = new Rig();
    await rig.run(prompt(64), 1, {});
    await rig.run(prompt(2048 - 80, 5), 1); // pushes the pages out of the own cache
    const load = Promise.withResolvers<undefined>();
    rig.native.loadGate = load.promise;
    const run = rig.submit(prompt(64), 3, {});
    await rig.scheduler.turn();
    expect(run.sequence.state).toBe('loading');
    rig.scheduler.abort(run.sequence);
    await rig.scheduler.turn();
    expect(rig.pool.used).toBe(8);
    load.resolve(undefined);
    await rig.settle();
    expect(rig.pool.used).toBe(0);
    expect([...rig.native.claims.values()]).toEqual([1]);
  });

  test('a sequence that waits for its ticket forgets it', async () => {
    const rig = new Rig();
    rig.native.tickets.set(TICKET_HEX, { status: 2, need: null, accepted: 0, forgotten: 0 });
    const run = rig.submit(prompt(64), 3, { ticket: TICKET, role: 'decode' });
    await rig.scheduler.turn();
    rig.scheduler.abort(run.sequence);
    await rig.settle();
    expect(rig.native.tickets.get(TICKET_HEX)?.forgotten).toBe(1);
    expect(rig.native.steps).toEqual([]);
  });

  test('closing fails what is left and waits for the load in flight', async () => {
    const rig = new Rig();
    await rig.run(prompt(64), 1, {});
    await rig.run(prompt(2048 - 80, 5), 1);
    const load = Promise.withResolvers<undefined>();
    rig.native.loadGate = load.promise;
    rig.scheduler.start();
    const run = rig.submit(prompt(64), 3, {});
    while (run.sequence.state !== 'loading') await setImmediate();
    const closed = rig.scheduler.close();
    load.resolve(undefined);
    await closed;
    expect(run.error).toMatchObject({ code: 'shutting_down' });
    expect(rig.pool.used).toBe(0);
    expect([...rig.native.claims.values()]).toEqual([1]);
  });
});

test('the loop serves, sleeps and wakes without being driven', async () => {
  const rig = new Rig();
  rig.scheduler.start();
  for (const seed of [1, 2]) {
    const run = rig.submit(prompt(50, seed), 4);
    while (run.finish === null) await setImmediate();
    expect(run.tokens).toEqual(expectedTokens(prompt(50, seed), 4));
  }
  await rig.scheduler.close();
  expect(() => rig.submit(prompt(5), 1)).toThrow(/shutting_down/);
});

test('more waiting sequences than the bound are refused', () => {
  const rig = new Rig();
  expect(() => { for (;;) rig.submit(prompt(1), 1); }).toThrow(/overloaded/); // prettier-ignore
});

import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { chunkKeys } from '#core/keys.ts';
import { BATON } from '#engines/reference/codes.ts';
import { ENGINE_LIMITS } from '#engines/reference/limits.ts';
import { expectedTokens } from './fake-native.ts';
import { CHUNK, prompt, Rig, type RigOptions, ROOT, TICKET, TICKET_HEX } from './rig.ts';

const prefill = { ticket: TICKET, role: 'prefill' } as const;
const decode = { ticket: TICKET, role: 'decode' } as const;

let rig = new Rig();
beforeEach(() => {
  rig = new Rig();
});

function ticket(on: Rig, status: number, need: number[] | null = null) {
  const made = { status, need, accepted: 0, forgotten: 0 };
  on.native.tickets.set(TICKET_HEX, made);
  return made;
}

/** (chunk, tokens, step) of every fill. */
const fills = (on: Rig) => on.native.fills.map(({ chunk, tokens, step }) => [chunk, tokens, step]);

/** A rig whose arena holds the chunks of `tokens`, and whose own prefix cache is empty. */
async function withArena(tokens: Uint32Array, options: RigOptions = {}): Promise<Rig> {
  const other = new Rig();
  ticket(other, 0);
  await other.run(tokens, 1, prefill);
  const made = new Rig(options);
  for (const [key, kv] of other.native.arena) made.native.arena.set(key, kv);
  return made;
}

describe('fill', () => {
  test('each chunk is gathered whole, once, in the first step that reaches its end', async () => {
    rig = new Rig({ maxBatchedTokens: 24 });
    const accepted = ticket(rig, 0);
    const run = await rig.run(prompt(100), 1, prefill);
    // Steps end at 24, 48, 72, 96, 100.
    expect(fills(rig)).toEqual([
      [0, 32, 1],
      [1, 32, 2],
      [2, 32, 3],
      [3, 4, 4],
    ]);
    expect(rig.native.fills.every((fill) => fill.ticket === TICKET_HEX)).toBe(true);
    expect(accepted.accepted).toBe(1);
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 1));
  });

  test('chunks found in the own prefix cache are gathered in the first step, from the same pages', async () => {
    rig = new Rig({ keep: false, maxBatchedTokens: 24 });
    await rig.run(prompt(100), 1, {});
    expect(fills(rig)).toEqual([]);
    const before = rig.native.steps.length;
    ticket(rig, 0);
    const run = await rig.run(prompt(100), 1, prefill);
    expect(run.sequence.cachedTokens).toBe(96);
    expect(fills(rig)).toEqual([0, 1, 2, 3].map((chunk) => [chunk, chunk === 3 ? 4 : 32, before]));
    const alone = new Rig();
    ticket(alone, 0);
    await alone.run(prompt(100), 1, prefill);
    expect(rig.native.arena).toEqual(alone.native.arena);
  });

  test('chunks that the target needs not are not gathered', async () => {
    ticket(rig, 0, [0, 1, 0, 1]);
    await rig.run(prompt(100), 1, prefill);
    expect(fills(rig).map(([chunk]) => chunk)).toEqual([1, 3]);
  });

  test('an unknown or refused ticket leaves the request without one', async () => {
    for (const status of [null, BATON.mismatch, BATON.ended]) {
      rig = new Rig();
      if (status !== null) ticket(rig, status);
      expect((await rig.run(prompt(100), 2, prefill)).tokens).toEqual(expectedTokens(prompt(100), 2));
      expect(rig.native.fills).toEqual([]);
    }
  });

  test('a full arena ends the ticket at once, without a second try', async () => {
    ticket(rig, 0);
    rig.native.fillStatus = BATON.full;
    const run = await rig.run(prompt(100), 2, prefill);
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 2));
    expect(await rig.metrics.value('baton_engine_fills_refused_total', { code: 'full' })).toBe(1);
    expect(await rig.metrics.value('baton_engine_tickets_lost_total', { code: 'full' })).toBe(1);
  });

  test('a chunk that is held already is skipped and its ticket lives on', async () => {
    ticket(rig, 0);
    rig.native.fillStatus = BATON.held;
    await rig.run(prompt(100), 1, prefill);
    expect(await rig.metrics.value('baton_engine_tickets_lost_total')).toBe(0);
    expect(rig.native.fills).toEqual([]);
  });

  test('after a gather that failed the ticket gathers no more', async () => {
    rig = new Rig({ maxBatchedTokens: 32 });
    ticket(rig, 0);
    rig.native.gatherStatus = BATON.ended;
    const run = await rig.run(prompt(100), 1, prefill);
    expect(fills(rig)).toEqual([[0, 32, 0]]);
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 1));
    expect(await rig.metrics.value('baton_engine_fills_failed_total')).toBe(1);
  });

  test('a preempted sequence does not gather again what it gathered', async () => {
    rig = new Rig({ pages: 16, keepGenerated: true });
    const runs = Array.from({ length: 4 }, (_, i) =>
      rig.submit(prompt(40, i), 50, { root: new Uint8Array(32).fill(i) }),
    );
    await rig.settle();
    runs.forEach((run, i) => { expect(run.tokens).toEqual(expectedTokens(prompt(40, i), 50)); }); // prettier-ignore
    expect(await rig.metrics.value('baton_engine_preemptions_total')).toBeGreaterThan(0);
    const keys = rig.native.fills.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys).toHaveLength(4 * 2);
  });

  test('a service that does not answer is reported, and an error in a hook changes no answer', async () => {
    ticket(rig, 0);
    rig.native.fillStatus = BATON.timeout;
    await rig.run(prompt(40), 1, prefill);
    expect(rig.unanswered).toBeGreaterThan(0);
    rig = new Rig();
    rig.native.throwing = true;
    expect((await rig.run(prompt(40), 3, prefill)).tokens).toEqual(expectedTokens(prompt(40), 3));
    expect(await rig.metrics.value('baton_engine_connector_errors_total', { hook: 'accept' })).toBe(1);
    expect(await rig.metrics.value('baton_engine_connector_errors_total', { hook: 'lookup' })).toBe(1);
  });
});

describe('keep', () => {
  test('full chunks of a named prompt are kept, its tail is not', async () => {
    await rig.run(prompt(100), 1, {});
    expect(fills(rig).map(([chunk]) => chunk)).toEqual([0, 1, 2]);
    expect(rig.native.fills.every((fill) => fill.ticket === null)).toBe(true);
  });

  test('what the arena holds is not filled again', async () => {
    await rig.run(prompt(100), 1, {});
    await rig.run(prompt(100), 1, {});
    expect(rig.native.fills).toHaveLength(3);
  });

  test('chunks of prompt and answer are kept in the decode step that completes them', async () => {
    const run = await rig.run(prompt(20), 50, {});
    const all = Uint32Array.from([...prompt(20), ...run.tokens]);
    const keys = Buffer.from(chunkKeys(ROOT, all.slice(0, 64), CHUNK)).toString('hex');
    // Step s computes up to token 20 + s.
    expect(fills(rig)).toEqual([
      [0, 32, 12],
      [1, 32, 44],
    ]);
    expect(rig.native.fills.map(({ key }) => key).join('')).toBe(keys);
  });

  test('a longer conversation reuses what an answer left behind', async () => {
    const first = await rig.run(prompt(20), 50, {});
    const next = Uint32Array.from([...prompt(20), ...first.tokens, ...prompt(10, 3)]);
    const other = new Rig();
    for (const [key, kv] of rig.native.arena) other.native.arena.set(key, kv);
    const run = await other.run(next, 5, {});
    expect(run.sequence.externalTokens).toBe(64);
    expect(run.tokens).toEqual(expectedTokens(next, 5));
  });

  test('with keep and keepGenerated off nothing is filled', async () => {
    rig = new Rig({ keep: false, keepGenerated: false });
    await rig.run(prompt(100), 40, {});
    expect(rig.native.fills).toEqual([]);
  });

  test('an unnamed request is never matched, gathered or loaded', async () => {
    await rig.run(prompt(100), 5);
    const again = await rig.run(prompt(100), 5);
    expect(again.sequence.cachedTokens).toBe(0);
    expect(rig.native.fills).toEqual([]);
    expect(rig.native.loads).toBe(0);
  });
});

describe('load', () => {
  test('chunks of the arena are loaded and only the last token is computed', async () => {
    rig = await withArena(prompt(100));
    const run = await rig.run(prompt(100), 5, {});
    expect(rig.native.steps[0]).toEqual([{ start: 99, end: 100, gathers: 0 }]);
    expect(run.sequence.cachedTokens).toBe(99);
    expect(run.sequence.externalTokens).toBe(99);
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
    expect([...rig.native.claims.values()]).toEqual([1]);
  });

  test('the own prefix cache comes first and the arena beyond it', async () => {
    rig = await withArena(prompt(100));
    const own = await rig.run(prompt(100).slice(0, 48), 1, {});
    expect(own.sequence.externalTokens).toBe(32);
    const run = await rig.run(prompt(100), 5, {});
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
    expect([run.sequence.cachedTokens, run.sequence.externalTokens]).toEqual([99, 67]);
  });

  test('a load never writes pages that another sequence reads', async () => {
    rig = await withArena(prompt(100), { keep: false });
    const reader = rig.submit(prompt(100).slice(0, 48), 30, {});
    await rig.until(() => reader.tokens.length >= 3);
    // Chunk 1 stands half in the reader's pages; its load fails and leaves garbage.
    rig.native.loadStatuses = [BATON.digest, BATON.digest, BATON.digest];
    const run = rig.submit(prompt(100), 5, {});
    await rig.settle();
    expect(rig.native.loads).toBe(2);
    expect(reader.tokens).toEqual(expectedTokens(prompt(100).slice(0, 48), 30));
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
  });

  test('other sequences run while one loads', async () => {
    rig = await withArena(prompt(100));
    const gate = Promise.withResolvers<undefined>();
    rig.native.loadGate = gate.promise;
    const loading = rig.submit(prompt(100), 5, {});
    const other = rig.submit(prompt(50, 4), 5);
    while (other.finish === null) await rig.scheduler.turn();
    expect(loading.sequence.state).toBe('loading');
    gate.resolve(undefined);
    await rig.settle();
    expect(loading.tokens).toEqual(expectedTokens(prompt(100), 5));
  });

  test('a load that fails in part is recomputed from there, and those chunks are not asked for again', async () => {
    rig = await withArena(prompt(100), { keep: false });
    rig.native.loadStatuses = [0, BATON.digest, 0, 0];
    const run = await rig.run(prompt(100), 5, {});
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
    expect(run.sequence.externalTokens).toBe(32);
    expect(rig.native.loads).toBe(1);
    expect(run.sequence.prompt.names?.loadable).toBe(1);
    expect([...rig.native.claims.values()]).toEqual([1]);
  });

  test('a load that throws is recomputed and its claim released', async () => {
    rig = await withArena(prompt(100));
    rig.native.loadGate = Promise.reject(new Error('load thread'));
    const run = await rig.run(prompt(100), 5, {});
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
    expect(run.sequence.externalTokens).toBe(0);
    expect([...rig.native.claims.values()]).toEqual([1]);
    expect(await rig.metrics.value('baton_engine_connector_errors_total', { hook: 'load' })).toBe(1);
  });

  test('loaded chunks are marked in the digests and equal those of the engine that computed them', async () => {
    const alone = new Rig({ check: true, alone: true });
    await alone.run(prompt(100), 1, {});
    rig = await withArena(prompt(100), { check: true });
    await rig.run(prompt(100), 1, {});
    const loaded = rig.digests.of('request') ?? [];
    const computed = alone.digests.of('request') ?? [];
    expect(loaded.map((chunk) => chunk.loaded)).toEqual([true, true, true, true]);
    expect(loaded.map(({ key, digests, tokens }) => ({ key, digests, tokens }))).toEqual(
      computed.map(({ key, digests, tokens }) => ({ key, digests, tokens })),
    );
  });

  test('chunks that were loaded before a preemption and computed after it are not marked as loaded', async () => {
    rig = await withArena(prompt(96), { check: true, pages: 30, maxBatchedTokens: 4, keep: false, keepGenerated: false }); // prettier-ignore
    const other = rig.submit(prompt(8, 4), 60);
    const run = rig.submit(prompt(200), 1, {});
    await rig.until(() => run.sequence.externalTokens === 96);
    await rig.until(() => run.sequence.state === 'waiting');
    expect(other.finish).toBe(null);
    rig.native.arena.clear();
    await rig.settle();
    expect(run.tokens).toEqual(expectedTokens(prompt(200), 1));
    expect(rig.native.loads).toBe(1);
    expect(rig.digests.of('request')?.map((chunk) => chunk.loaded)).toEqual(new Array(7).fill(false));
  });
});

describe('decode leg', () => {
  test('it waits for its ticket to land without blocking others, then loads', async () => {
    rig = await withArena(prompt(100));
    const waiting = ticket(rig, BATON.landing);
    const run = rig.submit(prompt(100), 5, decode);
    const other = rig.submit(prompt(50, 4), 5);
    while (other.finish === null) await rig.scheduler.turn();
    expect(run.sequence.state).toBe('waiting');
    waiting.status = BATON.ok;
    await rig.settle();
    expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
    expect(run.sequence.externalTokens).toBe(99);
    expect(waiting.forgotten).toBe(1);
    expect([...rig.native.claims.values()]).toEqual([1]);
  });

  test('a prompt of one token claims its ticket all the same', async () => {
    rig = await withArena(prompt(1));
    ticket(rig, BATON.ok);
    const run = await rig.run(prompt(1), 3, decode);
    expect(rig.native.loads).toBe(1);
    expect(run.sequence.cachedTokens).toBe(0);
    expect(run.tokens).toEqual(expectedTokens(prompt(1), 3));
  });

  test('a ticket that ended or is unknown is replaced by what has landed and computing the rest', async () => {
    for (const status of [BATON.ended, BATON.unknown, BATON.foreign, BATON.closed]) {
      rig = await withArena(prompt(64));
      ticket(rig, status);
      const run = await rig.run(prompt(100), 5, decode);
      expect(run.tokens).toEqual(expectedTokens(prompt(100), 5));
      expect(run.sequence.externalTokens).toBe(64);
    }
  });

  test('a ticket that never lands is waited for within the bound', async () => {
    let now = 0;
    rig = new Rig({ clock: { now: () => now, after: () => ({ cancel: () => undefined }) } });
    ticket(rig, BATON.landing);
    const run = rig.submit(prompt(40), 2, decode);
    now = ENGINE_LIMITS.ticketWaitMs - 1;
    await rig.scheduler.turn();
    expect(run.sequence.state).toBe('waiting');
    now = ENGINE_LIMITS.ticketWaitMs;
    await rig.settle();
    expect(run.tokens).toEqual(expectedTokens(prompt(40), 2));
  });

  test('an idle engine asks for its tickets by itself', async () => {
    rig = await withArena(prompt(64));
    const waiting = ticket(rig, BATON.landing);
    rig.scheduler.start();
    const run = rig.submit(prompt(64), 2, decode);
    await setImmediate();
    waiting.status = BATON.ok;
    while (run.finish === null) await setImmediate();
    expect(run.sequence.externalTokens).toBe(63);
    await rig.scheduler.close();
  });
});

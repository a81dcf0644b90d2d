// A prefill engine dies, stands still, is slow, or comes back at its address, in every stage of a request; and all of them at once.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  ALONE, answering, CHUNKS, computing, engine, landed, placed, PROMPT, reserving, SLOW, SLOW_TOKENS, useRig,
} from '../support/fault-rig.ts'; // prettier-ignore
import { Proxies } from '../support/proxies.ts';

const control = new Proxies('a', 'c');
const rig = useRig({
  nodes: ['a', 'b', 'c'],
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('prefill-1', 'prefill', 'c', { ...SLOW, compute_us_per_layer: 100_000 }),
    engine('decode-0', 'decode', 'b', SLOW_TOKENS),
    ALONE,
  ],
  // Whoever has not been measured is tried first.
  router: { placement: { mode: 'disaggregated', prefill_tokens_per_s: 100_000 } },
  proxies: control,
});

const nodeOf: Record<string, string> = { 'prefill-0': 'a', 'prefill-1': 'c' };
const untilDown = (): Promise<void> =>
  rig.untilMetric('router', 'baton_router_engines_up', (value) => value === 2);

/** The request was placed again, without that engine and without what had landed. */
async function expectElsewhere(id: string, without: string, chunks: number): Promise<void> {
  const { attempts, ticket } = await rig.ended(id);
  expect(attempts.length).toBeGreaterThan(1);
  expect(attempts.at(-1)?.prefill).not.toBe(without);
  if (attempts.at(-1)?.prefill !== null) expect(ticket?.chunks_needed).toBeLessThanOrEqual(CHUNKS - chunks);
}

async function expectNotSelected(id: string, name: string): Promise<void> {
  await untilDown();
  expect(await rig.ask(await rig.prompt(512), { id })).toMatchObject({ kind: 'right' });
  expect((await rig.ended(id)).attempts.map(({ prefill }) => prefill)).not.toContain(name);
}

describe('slow', () => {
  test('[prefill-slow-s0] the faster of two gets the prompts once both are measured', async () => {
    const place = async (id: string): Promise<string> => {
      expect(await rig.ask(await rig.prompt(512), { id })).toMatchObject({ kind: 'right' });
      return placed(await rig.ended(id), 'prefill');
    };
    // What a busy machine adds to one measurement is outweighed by the next ones.
    const places: string[] = [];
    const all = ['prefill-0', 'prefill-0', 'prefill-0'];
    while (places.length < 20 && places.slice(-3).join() !== all.join())
      places.push(await place(`fast-${places.length}`));
    expect(places.slice(-3)).toEqual(all);
  });
  test('[prefill-slow-s4] beyond all patience: whoever waits for it goes elsewhere, and no reservation stays', async () => {
    const { outcome, journey } = await rig.meet('slow-s4', landed(1));
    const name = placed(journey, 'prefill');
    const done = outcome.then(() => true);
    // A tenth of its speed.
    for (let over = false; !over; over = await Promise.race([done, pause(90, false)])) {
      rig.stop(name);
      over = await Promise.race([done, pause(900, false)]);
      rig.cont(name);
    }
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
});

describe('killed', () => {
  test('[prefill-crash-s0] while nothing runs: requests go to another one', async () => {
    await rig.kill('prefill-0');
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    await expectNotSelected('crash-s0', 'prefill-0');
  });
  test.each([
    ['[prefill-crash-s3] before anything has landed', 'crash-s3', 0],
    ['[prefill-crash-s4] after some chunks have landed', 'crash-s4', 2],
  ])('%s: another one computes what is missing', async (_name, id, chunks) => {
    const { outcome, journey } = await rig.meet(id, chunks > 0 ? landed(chunks) : computing);
    await rig.kill(placed(journey, 'prefill'));
    expect(await outcome).toMatchObject({ kind: 'right' });
    await expectElsewhere(id, placed(journey, 'prefill'), chunks);
  });
  test('[prefill-crash-s5] after its prompt has landed: nobody needs it any more', async () => {
    const { outcome, journey } = await rig.meet('crash-s5', answering, { answerTokens: 12, stream: true });
    await rig.kill(placed(journey, 'prefill'));
    expect(await outcome).toMatchObject({ kind: 'right', tokens: 12 });
    expect((await rig.ended('crash-s5')).attempts).toHaveLength(journey.attempts.length);
  });
});

describe('standing still', () => {
  test('[prefill-hang-s0] while nothing runs: it is left out', async () => {
    rig.stop('prefill-0');
    await expectNotSelected('hang-s0', 'prefill-0');
  });
  test.each([
    ['[prefill-hang-s3] before anything has landed', 'hang-s3', 0],
    ['[prefill-hang-s4] after some chunks have landed', 'hang-s4', 2],
  ])(
    '%s: given up in bounded time, another one goes on; what it sends late harms nobody',
    async (_name, id, chunks) => {
      const { outcome, journey } = await rig.meet(id, chunks > 0 ? landed(chunks) : computing);
      const name = placed(journey, 'prefill');
      rig.stop(name);
      expect(await outcome).toMatchObject({ kind: 'right' });
      await expectElsewhere(id, name, chunks);
      rig.cont(name);
      expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    },
  );
  test('[prefill-hang-s7] for longer than its lease: slots that it may still write to are kept until it goes on', async () => {
    // Still far from its last chunk when it stops.
    const { outcome, journey } = await rig.meet('hang-s7', landed(1), { length: 3 * PROMPT });
    const name = placed(journey, 'prefill');
    const node = nodeOf[name] ?? '';
    rig.stop(name);
    expect(await outcome).toMatchObject({ kind: 'right' });
    await rig.untilMetric(node, 'baton_transfer_tickets_live', (value) => value === 0);
    expect(await rig.metric(node, 'baton_transfer_arena_quiescing')).toBeGreaterThan(0);
    rig.cont(name);
    await rig.untilMetric(node, 'baton_transfer_arena_quiescing', (value) => value === 0);
  });
});

describe('started again at its address', () => {
  test('[prefill-restart-s2] between the reservations: the ticket of its earlier life ends, and another attempt is made', async () => {
    for (const node of ['a', 'c']) control.of(node).fault = { hold: 'down' };
    const { outcome, journey } = await rig.meet('restart-s2', reserving);
    const name = placed(journey, 'prefill');
    await rig.kill(name);
    await rig.restart(name);
    control.heal();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[prefill-restart-s3] while it computes: its new life takes tickets like any other engine', async () => {
    const { outcome, journey } = await rig.meet('restart-s3', landed(1));
    const name = placed(journey, 'prefill');
    await rig.kill(name);
    await rig.restart(name);
    expect(await outcome).toMatchObject({ kind: 'right' });
    await rig.mend();
    const other = name === 'prefill-0' ? 'prefill-1' : 'prefill-0';
    await rig.kill(other);
    await expectNotSelected('new-life', other);
    expect(placed(await rig.ended('new-life'), 'prefill')).toBe(name);
  });
});

describe('all of them gone', () => {
  test('[prefill-pool-lost] refused with the time to come again, or computed where it is decoded', async () => {
    await rig.kill('prefill-0');
    await rig.kill('prefill-1');
    await rig.untilMetric('router', 'baton_router_engines_up', (value) => value === 1);
    const prompt = await rig.prompt(512);
    expect(await rig.ask(prompt)).toMatchObject({ kind: 'refused', code: 'no_worker' });
    expect(await rig.ask(prompt, { headers: { 'x-baton-placement': 'auto' } })).toMatchObject({
      kind: 'right',
    });
  });
});

// No room where it is needed: in the target's arena, in a decode engine's pages, in the source's arena. Nobody's answer changes.
import { expect, test } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { ALONE, engine, SLOW, useRig, type Prompt } from '../support/fault-rig.ts';
import type { Outcome } from '../support/outcome.ts';

let lane: FaultProxy | undefined;
// A chunk takes half a MiB.
const small = { arena: { bytes: 4 << 20, slots_max: 64 }, ticket_share_max: 1 };
const rig = useRig({
  nodes: ['a', 'b', 'c'],
  ofNode: { a: small, b: small },
  proxied: ['c'],
  engines: [
    engine('prefill-0', 'prefill', 'a', { ...SLOW, compute_us_per_layer: 5000 }),
    engine('decode-0', 'decode', 'b', { compute_us_per_layer: 5000 }),
    engine('decode-1', 'decode', 'c', { compute_us_per_layer: 5000, pages: 128, max_model_len: 2048 }),
    ALONE,
  ],
  ready: async (cluster) => {
    const port = Number(cluster.member('c').child.ready['lanePort']);
    lane = await startFaultProxy({ target: `127.0.0.1:${port}`, host: '127.0.0.2', port });
  },
  close: () => {
    lane?.close();
  },
});

async function atOnce(count: number, length: number, answerTokens: number): Promise<Outcome[]> {
  const prompts: Prompt[] = [];
  for (let i = 0; i < count; i++) prompts.push(await rig.prompt(length, answerTokens));
  return Promise.all(prompts.map((prompt) => rig.ask(prompt, { stream: true })));
}

test('[decode-noroom-s2] in the target’s arena: another target is taken, and no prompt is computed before one has room', async () => {
  const outcomes = await atOnce(8, 1024, 4);
  expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'right'));
  expect(await rig.metric('b', 'baton_transfer_tickets_refused_total')).toBeGreaterThan(0);
});

test('[decode-noroom-s6] in a decode engine’s pages: sequences give theirs up and are computed again, none is cut short', async () => {
  const outcomes = await atOnce(6, 512, 250);
  expect(outcomes.map(({ kind, tokens }) => [kind, tokens])).toEqual(outcomes.map(() => ['right', 250]));
  expect(await rig.metric('decode-1', 'baton_engine_preemptions_total')).toBeGreaterThan(0);
});

test('[prefill-noroom-s4] in the source’s arena, its lane being slow: the ticket fails at once, the prompt goes elsewhere', async () => {
  if (lane !== undefined) lane.fault = { bytesPerS: 500_000 };
  const outcomes = await atOnce(6, 1024, 4);
  if (lane !== undefined) lane.fault = {};
  expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'right'));
  expect(await rig.metric('a', 'baton_transfer_fills_full_total')).toBeGreaterThan(0);
});

// The same for Baton's parameters, sent to the engines themselves by somebody inside the deployment or by a router that is behind
// the times: no engine dies, and each answer is that of an engine alone.
import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { askAlone, askVllm, type Asked } from './ask.ts';
import { catchHalfLanded, freeze, journeyAfter, promptOf, send, thawAll, untilHandsOver, untilIdle, untilStage } from './faults.ts'; // prettier-ignore
import { describePair, type LiveEngine, type LivePair } from './live.ts';
import { untilAtRest } from '../support/deployment.ts';
import { metricAt } from '../support/metrics.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
let seed = 1000;

const lost = (engine: LiveEngine, how: string): Promise<number> =>
  metricAt(engine.url, 'vllm:baton_events_total', `event="tickets_lost.${how}"`);

function direct(engine: LiveEngine, prompt: number[], baton: unknown): Promise<Asked> {
  return askVllm(engine.url, { prompt, cache_salt: hex(32), kv_transfer_params: { baton } });
}

async function expectRight(
  pair: LivePair,
  prompt: number[],
  { status, tokenIds, error }: Asked,
): Promise<void> {
  expect([status, error]).toEqual([200, '']);
  expect(tokenIds).toEqual((await askAlone(pair.decode.url, { prompt })).tokenIds);
}

describePair('baton', 'kv_transfer_params.baton of nobody', (pair, live) => {
  const engines = (): [string, LiveEngine][] => [['prefill', pair.prefill], ['decode', pair.decode]]; // prettier-ignore

  afterEach(async () => {
    thawAll();
    await untilIdle([pair.prefill, pair.decode]);
    await untilAtRest(pair.services);
    for (const [, { url }] of engines()) expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('an unknown ticket is no ticket', async () => {
    for (const [role, engine] of engines()) {
      const prompt = promptOf(600, ++seed);
      const before = await lost(engine, 'unknown');
      await expectRight(pair, prompt, await direct(engine, prompt, { ticket: hex(16), root: hex(32), role }));
      expect(await lost(engine, 'unknown')).toBe(before + 1);
    }
  });

  it.each([
    ['not an object', 'x'],
    ['a list', [1]],
    ['a root that is too short', { root: 'ab' }],
    ['a root that is no text', { root: 5 }],
    ['a root that is no hex', { root: 'zz'.repeat(32), ticket: hex(16), role: 'decode' }],
    ['a ticket that is no hex', { root: hex(32), ticket: 'é'.repeat(32), role: 'decode' }],
    ['a role that is none', { root: hex(32), ticket: hex(16), role: 'thief' }],
    ['a ticket without root', { ticket: hex(16), role: 'decode' }],
    ['a ticket without role', { root: hex(32), ticket: hex(16) }],
    ['a rendering that is another', { root: hex(32), rendered: [1, 2, 3] }],
  ])('%s is as good as nothing', async (_, baton) => {
    for (const [, engine] of engines()) {
      const prompt = promptOf(300, ++seed);
      await expectRight(pair, prompt, await direct(engine, prompt, baton));
    }
  });

  it('a ticket that was consumed is none, with its own prompt and with another', async () => {
    const prompt = promptOf(700, ++seed);
    const request = send(pair, { prompt });
    await expectRight(pair, prompt, await request.answer);
    const ticket = (await journeyAfter(pair, request)).ticket?.id;
    expect(ticket).toMatch(/^[0-9a-f]{32}$/);
    for (const [role, engine] of engines()) {
      for (const asked of [prompt, promptOf(600, ++seed)])
        await expectRight(pair, asked, await direct(engine, asked, { ticket, root: hex(32), role }));
    }
  });

  it('a ticket that lives gives its KV to its own names only: another prompt and another root get none, and its owner all', async () => {
    await freeze(live, 'baton', pair.prefill);
    const prompt = promptOf(900, ++seed);
    const owner = send(pair, { prompt });
    const { ticket } = await untilStage(pair, owner, 'handoff');
    const id = ticket?.id;
    const thieves = [prompt, promptOf(600, ++seed)].map((asked) => ({
      asked,
      answers: engines().map(([role, engine]) => direct(engine, asked, { ticket: id, root: hex(32), role })),
    }));
    thawAll();
    await expectRight(pair, prompt, await owner.answer);
    for (const { asked, answers } of thieves)
      for (const answer of answers) await expectRight(pair, asked, await answer);
  });

  it('a ticket that was given up while its chunks landed is none to the decode engine that waits for it', async () => {
    const leaving = new AbortController();
    const { requests, prompts } = await catchHalfLanded(live, 'baton', pair, ++seed, leaving.signal);
    const [owner, prompt] = [requests.at(-1), prompts.at(-1)];
    if (owner === undefined || prompt === undefined) throw new Error('nothing was caught');
    const { ticket } = await untilStage(pair, owner, 'handoff');
    const waiting = direct(pair.decode, prompt, { ticket: ticket?.id, root: hex(32), role: 'decode' });
    leaving.abort();
    expect((await journeyAfter(pair, owner)).code).toBe('client_closed');
    await expectRight(pair, prompt, await waiting);
    thawAll();
    await untilHandsOver(pair, ++seed);
  });
});

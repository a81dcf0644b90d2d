// Death and silence: each ends as invariants 4 and 5 demand, within the configured bounds, and slots, pins and tickets are back at
// baseline on every service that lives. The engine computes a chunk in about 200 ms, so that a request can be met half-way.
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster, EngineSpec } from '#cli/cluster.ts';
import { ask, deploy, promptOf, rightAnswer, TENANT, untilBaseline } from '../support/deployment.ts';
import { stageOf, untilJourney } from '../support/journey.ts';
import { metricAt } from '../support/metrics.ts';
import { until } from '../support/ready.ts';

const slow = { max_batched_tokens: 256, compute_us_per_layer: 50_000 };
const engine = (name: string, role: EngineSpec['role'], node: string | null, settings = {}): EngineSpec => ({
  name,
  role,
  node,
  settings,
});
const alone = engine('alone', 'both', null);
const CHUNKS = 6;
const PROMPT = CHUNKS * 256;

let cluster: Cluster | null = null;
afterEach(async () => {
  await cluster?.stop();
  cluster = null;
});

async function start(engines: EngineSpec[]): Promise<Cluster> {
  return (cluster = await deploy({ nodes: ['a', 'b', 'c'], engines: [...engines, alone] }));
}

const landed = (chunks: number) => (journey: { ticket: { chunks_landed: number } | null }) =>
  (journey.ticket?.chunks_landed ?? 0) >= chunks;

describe('the prefill engine', () => {
  test('killed after some chunks have landed: another one computes only the rest', async () => {
    const made = await start([
      engine('prefill-0', 'prefill', 'a', slow),
      engine('prefill-1', 'prefill', 'c', slow),
      engine('decode-0', 'decode', 'b'),
    ]);
    const tokens = promptOf(PROMPT, 1);
    const right = await rightAnswer(made, tokens);
    const answer = ask(made, tokens, { id: 'killed-prefill' });
    const journey = await untilJourney(made, 'killed-prefill', 'two chunks have landed', landed(2));
    made.member(journey.attempts[0]?.prefill ?? '').child.signal('SIGKILL');
    expect((await answer).tokenIds).toEqual(right);
    const after = await untilJourney(made, 'killed-prefill', 'ended', ({ code }) => code !== null);
    expect(after.attempts.length).toBe(2);
    expect(after.attempts[1]?.prefill).not.toBe(after.attempts[0]?.prefill);
    expect(after.ticket?.chunks_needed).toBeLessThanOrEqual(CHUNKS - 2);
    await untilBaseline(made, ['a', 'b', 'c']);
  });
});

describe('the decode-side service', () => {
  test('killed while chunks stream in: another node answers', async () => {
    const made = await start([
      engine('prefill-0', 'prefill', 'a', slow),
      engine('decode-0', 'decode', 'b'),
      engine('decode-1', 'decode', 'c'),
    ]);
    const tokens = promptOf(PROMPT, 2);
    const right = await rightAnswer(made, tokens);
    const answer = ask(made, tokens, { id: 'killed-service' });
    const journey = await untilJourney(made, 'killed-service', 'a chunk has landed', landed(1));
    const node = journey.attempts[0]?.decode === 'decode-0' ? 'b' : 'c';
    made.member(node).child.signal('SIGKILL');
    expect((await answer).tokenIds).toEqual(right);
    await untilBaseline(made, ['a', node === 'b' ? 'c' : 'b']);
  });
});

describe('the decode engine', () => {
  test('killed before its first token: another one answers', async () => {
    const made = await start([
      engine('prefill-0', 'prefill', 'a'),
      engine('decode-0', 'decode', 'b', { ...slow, compute_us_per_layer: 200_000 }),
      engine('decode-1', 'decode', 'c', { ...slow, compute_us_per_layer: 200_000 }),
    ]);
    const tokens = promptOf(PROMPT, 3);
    const right = await rightAnswer(made, tokens);
    const answer = ask(made, tokens, { id: 'killed-decode' });
    const journey = await untilJourney(
      made,
      'killed-decode',
      'decode has begun',
      (j) => stageOf(j) === 'decode',
    );
    made.member(journey.attempts[0]?.decode ?? '').child.signal('SIGKILL');
    expect((await answer).tokenIds).toEqual(right);
    await untilBaseline(made, ['a', 'b', 'c']);
  });
  test('killed after its first token: the stream ends with an error event and no [DONE]', async () => {
    const made = await start([
      engine('prefill-0', 'prefill', 'a'),
      engine('decode-0', 'decode', 'b', { compute_us_per_layer: 20_000 }),
    ]);
    const response = await fetch(`${made.routerUrl}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TENANT.key}` },
      body: JSON.stringify({
        model: 'synthetic',
        prompt: [...promptOf(600, 4)],
        max_tokens: 200,
        stream: true,
        ignore_eos: true,
      }),
    });
    expect(response.status).toBe(200);
    let text = '';
    const decoder = new TextDecoder();
    let killed = false;
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes as Uint8Array, { stream: true });
      if (killed || !text.includes('data: {')) continue;
      killed = true;
      made.member('decode-0').child.signal('SIGKILL');
    }
    expect(text).toContain('"code":"decode_interrupted"');
    expect(text).not.toContain('[DONE]');
    await untilBaseline(made, ['a', 'b']);
  });
});

describe('the client', () => {
  test.each(['prefill', 'decode'])('that leaves in the %s leg frees both sides', async (leg) => {
    const settings = { ...slow, compute_us_per_layer: 100_000 };
    const made = await start([
      engine('prefill-0', 'prefill', 'a', leg === 'prefill' ? settings : {}),
      engine('decode-0', 'decode', 'b', leg === 'decode' ? settings : {}),
    ]);
    const id = `left-${leg}`;
    const leaving = new AbortController();
    const answer = ask(made, promptOf(PROMPT, 5), { id, signal: leaving.signal, answerTokens: 50 });
    await untilJourney(made, id, leg, leg === 'prefill' ? landed(1) : (j) => stageOf(j) === 'decode');
    leaving.abort();
    await expect(answer).rejects.toThrow();
    const journey = await untilJourney(made, id, 'ended', ({ code }) => code !== null);
    expect(journey.code).toBe('client_closed');
    await untilBaseline(made, ['a', 'b']);
    for (const name of ['prefill-0', 'decode-0']) {
      const { url } = made.member(name);
      for (const gauge of [
        'baton_engine_requests_running',
        'baton_engine_requests_loading',
        'baton_engine_kv_pages_used',
      ]) {
        await until(`${gauge} of ${name} is 0`, async () => (await metricAt(url, gauge)) === 0);
      }
    }
  });
});

describe('the prefill-side service', () => {
  test('stopped while it streams: the request ends within its bounds, and after it goes on nothing is left', async () => {
    const made = await start([
      engine('prefill-0', 'prefill', 'a', slow),
      engine('prefill-1', 'prefill', 'c', slow),
      engine('decode-0', 'decode', 'b'),
    ]);
    const tokens = promptOf(PROMPT, 6);
    const right = await rightAnswer(made, tokens);
    const answer = ask(made, tokens, { id: 'stopped-service' });
    const journey = await untilJourney(made, 'stopped-service', 'a chunk has landed', landed(1));
    const node = journey.attempts[0]?.prefill === 'prefill-0' ? 'a' : 'c';
    const { child } = made.member(node);
    child.signal('SIGSTOP');
    try {
      expect((await answer).tokenIds).toEqual(right);
    } finally {
      child.signal('SIGCONT');
    }
    await untilBaseline(made, ['a', 'b', 'c']);
  });
});

// vllm#52234's five cases and the two that kill vLLM 0.32's decode engine, sent by a client through the router: what a client sends
// as kv_transfer_params reaches no engine. And the params of one prefill answer serve one decode leg.
import { beforeAll, expect, it } from 'vitest';
import { askAlone, askVllm } from './ask.ts';
import { expectKinds, promptOf, send, untilIdle } from './faults.ts';
import { MODEL, describePair } from './live.ts';
import { metricAt } from '../support/metrics.ts';
import { until } from '../support/ready.ts';

type Params = Record<string, unknown>;

/** A prefill leg as the router sends it, by somebody who reaches the engine: what its answer says of the blocks. */
async function prefillLeg(url: string, prompt: number[]): Promise<Params> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL, prompt, max_tokens: 1, kv_transfer_params: { do_remote_decode: true, do_remote_prefill: false },
    }),
  }); // prettier-ignore
  return ((await response.json()) as { kv_transfer_params: Params }).kv_transfer_params;
}

describePair('nixl', 'kv_transfer_params of a client', (pair) => {
  /** Of another prompt: held by the prefill engine, read by nobody yet. */
  let held: Params;
  let used: Params;
  const theirs = promptOf(900, 1);

  beforeAll(async () => {
    held = await prefillLeg(pair.prefill.url, theirs);
    used = await prefillLeg(pair.prefill.url, promptOf(700, 2));
    const read = await askVllm(pair.decode.url, { prompt: promptOf(700, 2), kv_transfer_params: used });
    expect(read.status).toBe(200);
    expect(held).toMatchObject({ do_remote_prefill: true });
    const usage = (): Promise<number> => metricAt(pair.prefill.url, 'vllm:kv_cache_usage_perc');
    await until('the prefill engine holds blocks', async () => (await usage()) > 0);
  });

  const cases: [string, () => Params][] = [
    ['an unknown request', () => ({ ...held, remote_request_id: 'cmpl-0123456789abcdef-0-01234567' })],
    ['blocks out of range', () => ({ ...held, remote_block_ids: [[100_001, 100_002]] })],
    ['params that were consumed', () => used],
    ['blocks of another prompt', () => held],
    ['a lease that is over', () => ({ ...held, remote_blocks_expiry_time: 1 })],
    ['half-filled params', () => ({ do_remote_prefill: true })],
    ['no blocks', () => ({ ...held, remote_block_ids: [[]] })],
  ];

  it.each(cases)('that name %s change nothing', async (_, params) => {
    const prompt = promptOf(700, 3);
    const request = send(pair, { prompt, kv_transfer_params: params() });
    const { status, tokenIds } = await request.answer;
    expect(status).toBe(200);
    expect(tokenIds).toEqual((await askAlone(pair.decode.url, { prompt })).tokenIds);
    await expectKinds(pair, request, ['disaggregated']);
    expect((await fetch(`${pair.decode.url}/health`)).status).toBe(200);
  });

  it('are not needed: each request has a prefill leg of its own, the same prompt twice has two', async () => {
    const prompt = promptOf(1000, 4);
    const legs = (): Promise<number> => metricAt(pair.prefill.url, 'vllm:request_success_total');
    const passed = (): Promise<number> =>
      metricAt(pair.adminUrl, 'baton_router_nixl_params_total', 'outcome="passed"');
    const before = await Promise.all([legs(), passed()]);
    const { tokenIds } = await askAlone(pair.decode.url, { prompt });
    for (let i = 0; i < 2; i++) {
      const answer = await send(pair, { prompt }).answer;
      expect([answer.status, answer.tokenIds]).toEqual([200, tokenIds]);
    }
    expect(await Promise.all([legs(), passed()])).toEqual(before.map((count) => count + 2));
  });

  it('that no decode engine ever read give their blocks back when the lease ends', async () => {
    // 30 s from the prefill leg of `theirs`: vLLM's kv_lease_duration.
    console.log(
      `the blocks of an unread prompt came back ${await untilIdle([pair.prefill], 60_000)} ms later`,
    );
    const answer = await send(pair, { prompt: theirs, kv_transfer_params: held }).answer;
    const right = await askAlone(pair.decode.url, { prompt: theirs });
    expect([answer.status, answer.tokenIds]).toEqual([200, right.tokenIds]);
  });
});

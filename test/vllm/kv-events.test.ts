// The router's index learns from vLLM's own KV events what each engine has cached, and forgets it with the engine.
import { beforeAll, expect, it } from 'vitest';
import { metricAt } from '#test/support/metrics.ts';
import { until } from '#test/support/ready.ts';
import { askAlone } from './ask.ts';
import { describePair, forgetCached } from './live.ts';
import { promptSource } from './prompts.ts';

const PAGE = 32;

interface Decision {
  match: Record<string, number>;
  chosen: { prefill: string; cached_tokens: number };
}

describePair('nixl', 'KV events of real vLLM', (pair) => {
  const { ids } = promptSource(5000);
  const known = (): Promise<number> => metricAt(pair.adminUrl, 'baton_router_kv_event_blocks');
  const hits = (): Promise<number> => metricAt(pair.prefill.url, 'vllm:prefix_cache_hits_total');

  /** Other files kill engines: what the router counted of that is theirs. */
  let before: number[];
  const troubles = (): Promise<number[]> =>
    Promise.all(
      ['malformed', 'lost', 'restarted'].map((outcome) =>
        metricAt(pair.adminUrl, 'baton_router_kv_event_messages_total', `outcome="${outcome}"`),
      ),
    );
  beforeAll(async () => {
    before = await troubles();
  });

  /** How the prompt was placed; its answer is the one that D gives alone. */
  async function placed(prompt: number[]): Promise<Decision> {
    const headers = { 'content-type': 'application/json', 'x-baton-explain': '1' };
    const body = JSON.stringify({ model: 'tiny', prompt, temperature: 0, max_tokens: 16, return_token_ids: true }); // prettier-ignore
    const response = await fetch(`${pair.routerUrl}/v1/completions`, { method: 'POST', headers, body });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const { token_ids } = (JSON.parse(text) as { choices: { token_ids: number[] }[] }).choices[0] ?? {};
    expect(token_ids).toEqual((await askAlone(pair.decode.url, { prompt })).tokenIds);
    return JSON.parse(response.headers.get('x-baton-decision') ?? '{}') as Decision;
  }

  /** Both engines begin anew, and the router knows it. */
  async function forgotten(): Promise<void> {
    for (const engine of [pair.prefill, pair.decode]) {
      await forgetCached(engine);
      // vLLM publishes with its next step; this one stores no block.
      expect((await askAlone(engine.url, { prompt: ids(2), max_tokens: 1 })).error).toBe('');
    }
    await until('the router believes nothing to be cached', async () => (await known()) === 0);
  }

  it('a prompt is placed knowing what prefill has cached of it, and no longer when that is gone', async () => {
    await forgotten();
    const shared = ids(20 * PAGE);
    const first = await placed([...shared, ...ids(3 * PAGE + 4)]);
    expect(first).toMatchObject({ match: {}, chosen: { prefill: 'prefill-0', cached_tokens: 0 } });
    // Prefill's, decode's, and decode's again under the salt of the reference.
    await until('the router knows the blocks of both engines', async () => (await known()) === 3 * 23);
    const before = await hits();
    const second = await placed([...shared, ...ids(60)]);
    expect(second.match).toEqual({ 'engine/prefill-0': shared.length, 'engine/decode-0': shared.length });
    expect(second.chosen).toMatchObject({ prefill: 'prefill-0', cached_tokens: shared.length });
    expect((await hits()) - before).toBe(shared.length);

    await forgotten();
    const third = await placed([...shared, ...ids(60)]);
    expect(third).toMatchObject({ match: {}, chosen: { prefill: 'prefill-0', cached_tokens: 0 } });
  });

  it('no block remains unnamed, and no message is lost or refused', async () => {
    expect(await metricAt(pair.adminUrl, 'baton_router_kv_event_orphans')).toBe(0);
    expect(await troubles()).toEqual(before);
  });
});

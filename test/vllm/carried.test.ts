// What goes over the bus between real vLLM engines, and when: layer by layer while the prompt is computed, also what prefill had
// cached, and nothing that decode keeps already.
import { expect, it } from 'vitest';
import { journeyOf } from '#cli/demo/journey.ts';
import { decodeBatch } from '#router/kv-events/decode.ts';
import { zeromq } from '#router/kv-events/zeromq.ts';
import { metricAt } from '#test/support/metrics.ts';
import { until } from '#test/support/ready.ts';
import { askAlone, askVllm } from './ask.ts';
import { checking } from './checked.ts';
import { describePair, forgetCached, type LiveEngine } from './live.ts';
import { askBoth, difference } from './passes.ts';
import { promptSource } from './prompts.ts';

/** 4 layers × 2 heads × K and V × 64 of float32. */
const BYTES_PER_TOKEN = 4096;
const CHUNK = 256;
const PAGE = 32;

/** The salt that the router gives prompts that have none: vLLM tells it with the first block of a prompt that it stores. */
async function saltOf(engine: LiveEngine, prompt: readonly number[]): Promise<string> {
  const config = JSON.parse(engine.args[engine.args.indexOf('--kv-events-config') + 1] ?? '{}') as Record<string, string>; // prettier-ignore
  let salt: string | undefined;
  await until('the prefill engine tells that it has stored the prompt', async () => {
    for (const { payload } of await zeromq.replay(config['replay_endpoint'] ?? '', 0n)) {
      for (const event of decodeBatch(payload).events) {
        if (event.kind !== 'stored' || event.tokens.slice(0, PAGE).join() !== prompt.slice(0, PAGE).join()) continue; // prettier-ignore
        salt ??= /[0-9a-f]{64}/.exec(event.extras?.[0] ?? '')?.[0];
      }
    }
    return salt !== undefined;
  });
  return salt ?? '';
}

describePair('baton', 'over Baton between two vLLM engines', (pair) => {
  const { ids } = promptSource(4000);

  it('early layers are on the wire before the last is computed, in one step and over several', async () => {
    for (const size of [500, 3000]) {
      const id = `streamed-${size}`;
      await askBoth(pair, { prompt: ids(size) }, { id });
      const { failures, layers, bytes, chunksNeeded } = await journeyOf(pair.adminUrl, id);
      expect({ failures, bytes, chunksNeeded }).toEqual({
        failures: [],
        bytes: size * BYTES_PER_TOKEN,
        chunksNeeded: Math.ceil(size / CHUNK),
      });
      expect(layers).toHaveLength(4);
      const last = layers.at(-1)?.computed ?? NaN;
      for (const layer of layers.slice(0, 2)) expect(layer.out).toBeLessThan(last);
      for (const layer of layers) expect(Object.values(layer)).not.toContain(null);
    }
  });

  it('a prompt that only prefill has in its own prefix cache arrives from there', async () => {
    const probe = ids(2 * PAGE);
    await askBoth(pair, { prompt: probe });
    const cache_salt = await saltOf(pair.prefill, probe);
    const prompt = ids(1500);
    // A plain request: Baton has no name for it, nothing of it is in an arena.
    expect((await askVllm(pair.prefill.url, { prompt, cache_salt, max_tokens: 1 })).status).toBe(200);
    const hits = (): Promise<number> => metricAt(pair.prefill.url, 'vllm:prefix_cache_hits_total');
    const before = await hits();
    const bytes = checking(pair);
    await askBoth(pair, { prompt }, { id: 'cached-at-prefill' });
    expect((await hits()) - before).toBe(Math.floor(prompt.length / PAGE) * PAGE);
    const journey = await journeyOf(pair.adminUrl, 'cached-at-prefill');
    expect(journey.bytes).toBe(prompt.length * BYTES_PER_TOKEN);
    const { wrong, loaded, gathered } = await bytes();
    expect(wrong).toEqual([]);
    expect({ loaded, gathered }).toEqual({ loaded: 6, gathered: 6 });
  });

  it('a second turn finds what decode generated in its arena: only its new tail is carried', async () => {
    const bytes = checking(pair);
    const prompt = ids(300);
    const first = await askVllm(pair.routerUrl, { prompt, max_tokens: 600, ignore_eos: true });
    expect(first.tokenIds).toHaveLength(600);
    // The last token generated was never an input: it has no KV.
    const kept = Math.floor((prompt.length + 600 - 1) / CHUNK);
    const gathered = (await bytes()).lines.filter((line) => line.event === 'gathered' && line.engine === pair.decode.name && line.start === 0); // prettier-ignore
    expect(gathered.map(({ chunk }) => chunk)).toEqual([1, 2]);
    await forgetCached(pair.decode);
    const next = [...prompt, ...first.tokenIds, ...ids(20)];
    const second = await askVllm(pair.routerUrl, { prompt: next }, { id: 'second-turn' });
    const journey = await journeyOf(pair.adminUrl, 'second-turn');
    expect(journey.chunksNeeded).toBe(1);
    expect(journey.bytes).toBe((next.length - kept * CHUNK) * BYTES_PER_TOKEN);
    const checked = await bytes();
    expect(checked.wrong).toEqual([]);
    // The first turn loaded its two chunks; this one all four, those of the arena and the tail.
    expect(checked.loaded).toBe(2 + kept + 1);
    expect(difference('the second turn', second, await askAlone(pair.decode.url, { prompt: next }))).toBe(null); // prettier-ignore
  });
});

// An engine that serves alone, on its real native part: its answers depend on the prompt only, never on how it was cut into
// steps, what else was in the batch, what the prefix cache held or how large the pages are.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';
import { settings } from '#core/settings.ts';
import { runEngine, type RunningEngine } from '#engines/reference/main.ts';

interface Answer {
  choices: { token_ids: number[] }[];
  usage: { prompt_tokens_details: { cached_tokens: number } };
}

const ROOT = '5a'.repeat(32);

function promptOf(tokens: number, seed: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: tokens }, () => Math.floor(random.unit() * 262));
}

async function ask(engine: RunningEngine, id: string, body: object): Promise<Answer> {
  const response = await fetch(`${engine.url}/v1/completions`, {
    method: 'POST',
    headers: { 'x-request-id': id },
    body: JSON.stringify({
      max_tokens: 24,
      temperature: 0,
      ignore_eos: true,
      return_token_ids: true,
      ...body,
    }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

async function digests(engine: RunningEngine, id: string): Promise<unknown> {
  return (await fetch(`${engine.url}/debug/digests/${id}`)).json();
}

describe.each(['tiny', 'synthetic'])('%s', (model) => {
  let whole: RunningEngine;
  let cut: RunningEngine;
  const start = (overrides: object) =>
    runEngine(
      settings.parse({ engine: { model, weights: 'random', port: 0, check: true, ...overrides } }).engine,
    );

  beforeAll(async () => {
    whole = await start({ max_batched_tokens: 8192 });
    cut = await start({ page_tokens: 32, max_batched_tokens: 100 });
  });

  afterAll(async () => {
    await whole.close();
    await cut.close();
  });

  test.each([1, 16, 17, 255, 256, 257, 1500])(
    '%i tokens: cuts, pages and own cache change no token and no byte',
    async (tokens) => {
      const id = `n${tokens}`;
      const body = { model, prompt: promptOf(tokens, tokens), kv_transfer_params: { baton: { root: ROOT } } };
      const first = await ask(whole, id, body);
      const computed = await digests(whole, id);
      const other = await ask(cut, id, body);
      expect(other.choices[0]?.token_ids).toEqual(first.choices[0]?.token_ids);
      expect(await digests(cut, id)).toEqual(computed);
      const again = await ask(whole, id, body);
      expect(again.choices[0]?.token_ids).toEqual(first.choices[0]?.token_ids);
      expect(again.usage.prompt_tokens_details.cached_tokens).toBe(Math.floor((tokens - 1) / 16) * 16);
      expect(await digests(whole, id)).toEqual(computed);
    },
  );

  test('seeded sampling in a batch equals sampling alone, and other seeds differ', async () => {
    const body = (seed: number) => ({ model, prompt: promptOf(300, 1), temperature: 1, top_p: 0.9, seed });
    const together = await Promise.all([1, 2, 3, 4].map((seed) => ask(whole, `s${seed}`, body(seed))));
    const alone = [];
    for (const seed of [1, 2, 3, 4]) alone.push(await ask(cut, `s${seed}`, body(seed)));
    const idsOf = (answers: Answer[]) => answers.map((answer) => answer.choices[0]?.token_ids);
    expect(idsOf(together)).toEqual(idsOf(alone));
    expect(new Set(idsOf(alone).map(String)).size).toBe(4);
  });

  test('sequences that outgrow the pages are computed again and answered the same', async () => {
    const small = await start({ pages: 64, max_model_len: 1024 });
    const body = (seed: number) => ({ model, prompt: promptOf(200, seed), max_tokens: 120 });
    const crowded = await Promise.all([1, 2, 3, 4].map((seed) => ask(small, `p${seed}`, body(seed))));
    expect(await small.engine.parts.metrics.value('baton_engine_preemptions_total')).toBeGreaterThan(0);
    for (const [i, answer] of crowded.entries()) {
      expect(answer.choices).toEqual((await ask(whole, `q${i}`, body(i + 1))).choices);
    }
    expect(small.engine.load.pagesUsed).toBe(0);
    await small.close();
  });
});

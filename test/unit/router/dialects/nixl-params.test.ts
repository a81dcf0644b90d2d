import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readEngineParams, type EngineParams } from '#router/dialects/nixl-params.ts';

const legs = JSON.parse(
  readFileSync(new URL('../../../fixtures/vllm-0.32.0/nixl-legs.json', import.meta.url), 'utf8'),
) as Record<string, Record<string, unknown>>;
const answer = legs['700tok_only_params'] ?? {};
const FACTS = { now: 5, host: null, blockTokens: null };
const read = (value: unknown, facts = {}): ReturnType<typeof readEngineParams> =>
  readEngineParams(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), {
    ...FACTS,
    ...facts,
  });
const changed = (more: Record<string, unknown>): unknown => ({
  ...answer,
  kv_transfer_params: { ...(answer['kv_transfer_params'] as object), ...more },
});

describe('a recorded answer', () => {
  test.each(['short', '700tok_only_params', '1000tok_only_params'])(
    '%s gives its params as they are',
    (name) => {
      const recorded = legs[name]?.['leg1_response'] ?? legs[name];
      const text = JSON.stringify(recorded);
      const params = JSON.stringify((recorded as { kv_transfer_params: unknown }).kv_transfer_params);
      expect(read(text)).toEqual({ json: params, cachedTokens: 0, since: 5 });
      expect(read(text.replace(params, ` \n${params}\t`))).toMatchObject({ json: params });
    },
  );

  test('tells what was cached: of its usage, else of the params, else nothing', () => {
    const cached = (value: unknown): unknown => (read(value) as EngineParams).cachedTokens;
    const usage = { prompt_tokens: 695, prompt_tokens_details: { cached_tokens: 640 } };
    expect(cached({ ...answer, usage })).toBe(640);
    expect(cached(changed({ remote_prefill_cached_tokens: 128 }))).toBe(128);
    expect(cached(changed({ remote_prefill_cached_tokens: undefined }))).toBeNull();
    expect(cached(changed({ remote_prefill_cached_tokens: -1 }))).toBeNull();
  });
});

describe('fewer blocks than the prompt needs', () => {
  test('are seen where the size of a block is known and there is one group', () => {
    expect(read(answer, { blockTokens: 128 })).toMatchObject({ since: 5 });
    const five = { remote_block_ids: [[1, 2, 3, 4, 5]] };
    expect(read(changed(five), { blockTokens: 128 })).toBe('short');
    expect(read(changed(five))).toMatchObject({ since: 5 });
    expect(
      read(changed({ remote_block_ids: [[1, 2, 3, 4, 5, 6], [7]] }), { blockTokens: 128 }),
    ).toMatchObject({
      since: 5,
    });
  });
});

test.each([
  ['', 'unreadable'],
  ['{"kv_transfer_params":{}', 'unreadable'],
  ['<html>', 'unreadable'],
  ['{"kv_transfer_params":{},"kv_transfer_params":{}}', 'unreadable'],
  ['{"kv_transfer_params":"x"}', 'unreadable'],
  ['{}', 'missing'],
  ['{"kv_transfer_params": null }', 'missing'],
  ['{"kv_transfer_params":{}}', 'half_filled'],
])('%s gives none', (text, why) => {
  expect(read(text)).toBe(why);
});

test('an older version’s flat list of blocks is passed on, a mixed or an empty one is not', () => {
  expect(read(changed({ remote_block_ids: [1, 2, 3, 4, 5, 6] }))).toMatchObject({ since: 5 });
  expect(read(changed({ remote_block_ids: [[1], 2] }))).toBe('half_filled');
  expect(read(changed({ remote_block_ids: [[1], []] }))).toBe('no_blocks');
});

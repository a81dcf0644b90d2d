import { describe, expect, test } from 'vitest';
import { settings } from '#core/settings.ts';
import { runEngine } from '#engines/reference/main.ts';
import { loadModel } from '#engines/reference/model.ts';

const engine = (overrides: object) => settings.parse({ engine: overrides }).engine;
const namespaceOf = (overrides: object) =>
  Buffer.from(loadModel(engine(overrides)).namespace).toString('hex');

test('everything that shapes KV is in the namespace, and nothing else', () => {
  const random = (overrides: object): string => namespaceOf({ weights: 'random', ...overrides });
  const base = random({});
  const others = [
    { seed: 2 },
    { weights: 'trained' },
    { layers: 3 },
    { heads: 4 },
    { head_dim: 64 },
    { chunk_tokens: 128 },
    { model: 'synthetic' },
  ];
  const names = others.map(random);
  expect(new Set([base, ...names]).size).toBe(names.length + 1);
  const same = [
    { name: 'other' },
    { pages: 4096 },
    { page_tokens: 32 },
    { threads: 2 },
    { served_name: 'x' },
    { keep: false },
  ];
  for (const overrides of same) expect(random(overrides)).toBe(base);
  expect(namespaceOf({ seed: 2 })).toBe(namespaceOf({}));
});

test('the synthetic model takes any geometry', () => {
  const { geometry } = loadModel(engine({ model: 'synthetic', layers: 32, heads: 8, head_dim: 128 }));
  expect(geometry).toEqual({ layers: 32, heads: 8, planeBytes: [256, 256], chunkTokens: 256 });
});

describe('settings that do not fit together are refused with key, value and fix', () => {
  test.each([
    [{ page_tokens: 24 }, /engine\.page_tokens = 24: must divide engine\.chunk_tokens/],
    [{ pages: 100 }, /engine\.max_model_len = 16384: .* hold 1600 tokens: raise engine\.pages/],
    [{ max_batched_tokens: 8 }, /engine\.max_batched_tokens = 8: must be at least engine\.max_sequences/],
    [{ max_batched_tokens: 1_000_000 }, /engine\.max_batched_tokens = 1000000.* must be at most 131072/],
    [{ heads: 3 }, /engine\.heads = 3/],
    [{ layers: 3 }, /engine\.layers.*set engine\.weights to random/],
  ])('%o', (overrides, message) => {
    expect(() => loadModel(engine(overrides))).toThrow(message);
  });

  test('what the native part refuses', async () => {
    const createNative = () => {
      throw new Error('headDim = 3: must be a multiple of 4');
    };
    await expect(runEngine(engine({ port: 0 }), { createNative })).rejects.toThrow(
      '[bad_config] engine: headDim = 3',
    );
  });
});

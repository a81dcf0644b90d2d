import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkIndex } from '#router/index/index.ts';
import { blockRoot, promptBlocks, saltExtras } from '#router/kv-events/blocks.ts';
import { decodeBatch, type BlockHash, type BlocksStored, type KvEvent } from '#router/kv-events/decode.ts';
import { Mapper } from '#router/kv-events/mapper.ts';

const stored = (hashes: BlockHash[], tokens: number[], parent: BlockHash | null = null, more: Partial<BlocksStored> = {}): BlocksStored => ({
  kind: 'stored', hashes, parent, tokens: Uint32Array.from(tokens), blockTokens: 2, medium: 'GPU', extras: null, adapter: false,
  group: 0, spec: 'full_attention', ...more,
}); // prettier-ignore
const removed = (hashes: BlockHash[]): KvEvent => ({ kind: 'removed', hashes, medium: 'GPU', group: 0 });

function world(model = 'm') {
  const index = new ChunkIndex(100_000);
  const mapper = new Mapper(model, 'h', index);
  const held = (tokens: number[], extras = '', blockTokens = 2): number =>
    index
      .match(promptBlocks(blockRoot(model, blockTokens, extras), Uint32Array.from(tokens), blockTokens))
      .get('h') ?? 0;
  return { index, mapper, held };
}

describe('a prompt', () => {
  test('is found by its tokens as far as its blocks are cached', () => {
    const { mapper, held } = world();
    mapper.apply(stored([1n, 2n], [1, 2, 3, 4]));
    mapper.apply(stored(['aa'], [5, 6], 2n));
    expect([held([1, 2, 3, 4, 5, 6, 7]), held([1, 2, 9, 9]), held([3, 4]), held([1])]).toEqual([3, 1, 0, 0]);
    mapper.apply(removed(['aa']));
    expect(held([1, 2, 3, 4, 5, 6])).toBe(2);
    mapper.apply({ kind: 'cleared' });
    expect(held([1, 2, 3, 4])).toBe(0);
  });

  test('is another for another cache salt, model and size of blocks', () => {
    const { mapper, held } = world();
    mapper.apply(stored([1n, 2n], [1, 2, 3, 4], null, { extras: [saltExtras('s'), ''] }));
    expect([
      held([1, 2, 3, 4], saltExtras('s')),
      held([1, 2, 3, 4], saltExtras('t')),
      held([1, 2, 3, 4]),
    ]).toEqual([2, 0, 0]);
    expect(held([1, 2, 3, 4], saltExtras('s'), 4)).toBe(0);
    const other = promptBlocks(blockRoot('other', 2, saltExtras('s')), Uint32Array.of(1, 2), 2);
    expect(
      Buffer.compare(other, promptBlocks(blockRoot('m', 2, saltExtras('s')), Uint32Array.of(1, 2), 2)),
    ).not.toBe(0);
  });

  test('is not found by blocks that hold more than its tokens', () => {
    const { mapper, held } = world();
    mapper.apply(stored([1n, 2n], [1, 2, 3, 4], null, { extras: ['', '["image"]'] }));
    expect(held([1, 2, 3, 4])).toBe(1);
    mapper.apply(stored([9n], [5, 6], null, { adapter: true }));
    expect(held([5, 6])).toBe(0);
  });
});

test('blocks after one that is not known are counted, not guessed', () => {
  const { mapper, held } = world();
  mapper.apply(stored([5n, 6n], [3, 4, 5, 6], 4n));
  expect([mapper.orphans, mapper.size, held([3, 4])]).toEqual([2, 0, 0]);
});

test('other media, sliding windows and further groups are not indexed', () => {
  const { mapper, held } = world();
  mapper.apply(stored([1n], [1, 2], null, { medium: 'CPU' }));
  mapper.apply(stored([1n], [1, 2], null, { spec: 'sliding_window' }));
  expect(held([1, 2])).toBe(0);
  mapper.apply(stored([1n], [1, 2], null, { group: 1 }));
  mapper.apply(stored([2n], [3, 4], null, { group: 0 }));
  mapper.apply({ kind: 'removed', hashes: [1n], medium: 'GPU', group: 0 });
  mapper.apply({ kind: 'removed', hashes: [1n], medium: 'CPU', group: 1 });
  expect([held([1, 2]), held([3, 4])]).toEqual([1, 0]);
});

test('another size of blocks is another cache', () => {
  const { mapper, held } = world();
  mapper.apply(stored([1n], [1, 2]));
  mapper.apply(stored([2n], [7, 8, 9, 9], null, { blockTokens: 4 }));
  expect([held([1, 2]), held([7, 8, 9, 9], '', 4), mapper.blockTokens]).toEqual([0, 1, 4]);
});

test('what vLLM 0.32 was captured saying is found by its tokens', () => {
  const { mapper, held } = world();
  const batches = readFileSync(
    new URL('../../../fixtures/vllm-0.32.0/kv-events.jsonl', import.meta.url),
    'utf8',
  )
    .trim()
    .split('\n')
    .map((line) =>
      decodeBatch(Buffer.from((JSON.parse(line) as { frames_hex: string[] }).frames_hex.at(-1) ?? '', 'hex')),
    );
  const [first] = batches;
  for (const event of first?.events ?? []) mapper.apply(event);
  const tokens = [...(first?.events[0] as BlocksStored).tokens];
  expect([tokens.length, held([...tokens, 1], '', 32)]).toEqual([256, 8]);
  expect(held([...tokens.slice(0, 100), 0, ...tokens.slice(101)], '', 32)).toBe(3);
  for (const { events } of batches.slice(1)) for (const event of events) mapper.apply(event);
  // The capture left batches out: what follows on them has no known parent.
  expect(mapper.orphans).toBeGreaterThan(0);
});

test('does the same as a set of cached prefixes', () => {
  // One engine with a prefix cache of blocks of two tokens; the oracle keeps texts.
  const step = fc.record({
    tokens: fc.array(fc.nat(2), { minLength: 2, maxLength: 8 }),
    drop: fc.nat(20),
    act: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { mapper, held } = world();
      const cached = new Map<string, bigint>();
      let next = 1n;
      for (const { tokens, drop, act } of steps) {
        if (act === 0) {
          cached.clear();
          mapper.apply({ kind: 'cleared' });
        } else if (act < 4) {
          const [prefix, hash] = [...cached][drop] ?? [];
          if (prefix === undefined || hash === undefined) continue;
          cached.delete(prefix);
          mapper.apply(removed([hash]));
        } else {
          let parent: bigint | null = null;
          for (let end = 2; end <= tokens.length; end += 2) {
            const prefix = String(tokens.slice(0, end));
            let hash = cached.get(prefix);
            if (hash === undefined) {
              cached.set(prefix, (hash = next++));
              mapper.apply(stored([hash], tokens.slice(end - 2, end), parent));
            }
            parent = hash;
          }
        }
        let naive = 0;
        while (2 * naive + 2 <= tokens.length && cached.has(String(tokens.slice(0, 2 * naive + 2)))) naive++;
        expect(held(tokens)).toBe(naive);
        expect(mapper.size).toBe(cached.size);
      }
    }),
  );
});

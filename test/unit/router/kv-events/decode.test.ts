import { readFileSync } from 'node:fs';
import { Encoder } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { decodeBatch, type BlocksStored } from '#router/kv-events/decode.ts';
import { MalformedError } from '#router/kv-events/msgpack.ts';

const encoder = new Encoder({ useBigInt64: true });
const batch = (...events: unknown[]): Uint8Array => encoder.encode([1.5, events, null]);
const HASH = 18_446_744_073_709_551_615n;
const MAP = {
  type: 'BlockStored',
  block_hashes: [HASH],
  parent_block_hash: null,
  token_ids: [1, 2],
  block_size: 2,
};

interface Line {
  frames_hex: string[];
  decoded: [number, Record<string, unknown>[], number | null];
}
// JSON.parse would make the hashes doubles.
const lines = readFileSync(new URL('../../../fixtures/vllm-0.32.0/kv-events.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line.replace(/([[ ])(\d{16,})/g, '$1"$2"')) as Line);

describe('batches captured from vLLM 0.32', () => {
  test.each(lines.map((line, i) => [i, line] as const))('%i says what msgspec made of it', (_, line) => {
    const read = decodeBatch(Buffer.from(line.frames_hex.at(-1) ?? '', 'hex'));
    const [, events, rank] = line.decoded;
    expect(read.rank).toBe(rank);
    expect(
      read.events.map((event) => {
        if (event.kind === 'removed')
          return { type: 'BlockRemoved', block_hashes: event.hashes.map(String), medium: event.medium, group_idx: event.group };
        const e = event as BlocksStored;
        return {
          type: 'BlockStored', block_hashes: e.hashes.map(String), parent_block_hash: e.parent === null ? null : String(e.parent),
          token_ids: [...e.tokens], block_size: e.blockTokens, lora_id: null, medium: e.medium, lora_name: null,
          extra_keys: e.extras?.map(() => null), group_idx: e.group, kv_cache_spec_kind: e.spec,
        };
      }),
    ).toEqual(events); // prettier-ignore
  });
});

describe('both shapes', () => {
  const stored = {
    kind: 'stored', hashes: [HASH], parent: null, tokens: Uint32Array.of(1, 2), blockTokens: 2, medium: 'GPU', extras: null,
    adapter: false, group: 0, spec: '',
  }; // prettier-ignore

  test('of a stored block say the same, however many trailing fields are left out', () => {
    expect(decodeBatch(batch(MAP)).events).toEqual([stored]);
    expect(decodeBatch(batch(['BlockStored', [HASH], null, [1, 2], 2])).events).toEqual([stored]);
    const long = [
      'BlockStored',
      [HASH],
      null,
      [1, 2],
      2,
      7,
      'CPU',
      'lora',
      [['lora', 'salt']],
      1,
      'mla_attention',
    ];
    expect(decodeBatch(batch(long)).events).toEqual([
      {
        ...stored,
        medium: 'CPU',
        extras: ['["lora","salt"]'],
        adapter: true,
        group: 1,
        spec: 'mla_attention',
      },
    ]);
  });

  test('of a removed block and of a cleared cache do too', () => {
    const removed = { kind: 'removed', hashes: [5n], medium: 'GPU', group: 2 };
    expect(decodeBatch(batch({ type: 'BlockRemoved', block_hashes: [5], group_idx: 2 })).events).toEqual([
      removed,
    ]);
    expect(decodeBatch(batch(['BlockRemoved', [5], 'GPU', 2])).events).toEqual([removed]);
    expect(decodeBatch(batch({ type: 'AllBlocksCleared' }, ['AllBlocksCleared'])).events).toEqual([
      { kind: 'cleared' },
      { kind: 'cleared' },
    ]);
    expect(decodeBatch(batch({ type: 'Later' }, ['Later', 1])).events).toEqual([
      { kind: 'other' },
      { kind: 'other' },
    ]);
  });
});

test('hashes are 64 bits, signed or not, or 32 bytes', () => {
  const bytes = Buffer.alloc(32, 0xab);
  const { events } = decodeBatch(
    batch({ ...MAP, block_hashes: [HASH, -1, bytes], token_ids: [1, 2, 3, 4, 5, 6] }),
  );
  expect((events[0] as BlocksStored).hashes).toEqual([HASH, HASH, bytes.toString('hex')]);
});

test.each([
  ['no list', 5],
  ['no events', [1.5]],
  ['events that are none', [1.5, [3], null]],
  ['no type', [1.5, [{ a: 1 }], null]],
  ['a rank that is none', [1.5, [], 'x']],
  ['a short hash', [1.5, [{ ...MAP, block_hashes: [Buffer.alloc(8)] }], null]],
  ['a hash that is no integer', [1.5, [{ ...MAP, block_hashes: [1.5] }], null]],
  ['fewer tokens than blocks', [1.5, [{ ...MAP, token_ids: [1] }], null]],
  ['a negative token', [1.5, [{ ...MAP, token_ids: [1, -1] }], null]],
  ['a block of nothing', [1.5, [{ ...MAP, block_size: 0, token_ids: [] }], null]],
  ['a huge block', [1.5, [{ ...MAP, block_size: 1 << 20 }], null]],
  ['extras that do not fit', [1.5, [{ ...MAP, extra_keys: [] }], null]],
])('a batch with %s is refused', (_, value) => {
  expect(() => decodeBatch(encoder.encode(value))).toThrow(MalformedError);
});

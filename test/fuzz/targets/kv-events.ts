// A message of KV events: what another library and plain rules make of the same bytes.
import { Decoder } from '@msgpack/msgpack';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { decodeBatch, type BlockHash, type KvBatch, type KvEvent } from '#router/kv-events/decode.ts';
import { MalformedError } from '#router/kv-events/msgpack.ts';
import { must, type FuzzTarget } from '../target.ts';

const library = new Decoder({ useBigInt64: true });

function run(bytes: Buffer): void {
  let batch: KvBatch;
  try {
    batch = decodeBatch(bytes);
  } catch (error) {
    must(error instanceof MalformedError, `it throws ${String(error)}`);
    must(error.message.length < 100, 'a message is long');
    return;
  }
  const [, events, rank] = library.decode(bytes) as [number, unknown[], number | null | undefined];
  must(batch.rank === (rank ?? null), 'another rank');
  must(batch.events.length === events.length, 'events are lost or made');
  batch.events.forEach((event, i) => { check(event, fieldsOf(events[i])); }); // prettier-ignore
}

const NAMES: Record<string, readonly string[]> = {
  BlockRemoved: ['block_hashes', 'medium', 'group_idx'],
  BlockStored: ['block_hashes', 'parent_block_hash', 'token_ids', 'block_size', 'lora_id', 'medium', 'lora_name', 'extra_keys', 'group_idx', 'kv_cache_spec_kind'],
}; // prettier-ignore

type Fields = Record<string, unknown>;

/** One event of either shape as named fields. */
function fieldsOf(event: unknown): Fields {
  if (!Array.isArray(event)) return event as Fields;
  const [type, ...values] = event as [string, ...unknown[]];
  const names = NAMES[type] ?? [];
  return { type, ...Object.fromEntries(names.map((name, i) => [name, values[i]])) };
}

function check(event: KvEvent, fields: Fields): void {
  const { type } = fields;
  if (event.kind === 'cleared') must(type === 'AllBlocksCleared', 'another kind of event');
  else if (event.kind === 'other')
    must(typeof type === 'string' && !(type in NAMES), 'a known event is passed over');
  else {
    must(type === (event.kind === 'stored' ? 'BlockStored' : 'BlockRemoved'), 'another kind of event');
    must(same(event.hashes, fields['block_hashes'] as unknown[]), 'other block hashes');
    must(event.medium === (fields['medium'] ?? 'GPU'), 'another medium');
    must(event.group === (fields['group_idx'] ?? 0), 'another group');
  }
  if (event.kind !== 'stored') return;
  const tokens = fields['token_ids'] as number[];
  must(
    event.tokens.length === tokens.length && event.tokens.every((id, i) => id === tokens[i]),
    'other tokens',
  );
  must(event.blockTokens === fields['block_size'], 'another block size');
  must(event.tokens.length === event.hashes.length * event.blockTokens, 'tokens and blocks do not fit');
  const parent = fields['parent_block_hash'] ?? null;
  must(parent === null ? event.parent === null : event.parent === hash(parent), 'another parent');
  must(
    event.adapter === ((fields['lora_id'] ?? null) !== null || (fields['lora_name'] ?? null) !== null),
    'another adapter',
  );
  must(event.extras === null || event.extras.length === event.hashes.length, 'extras do not fit the blocks');
  must(event.tokens.length <= ROUTER_LIMITS.eventTokensMax, 'more tokens than the bound');
}

function same(hashes: readonly BlockHash[], raw: readonly unknown[]): boolean {
  return hashes.length === raw.length && hashes.every((one, i) => one === hash(raw[i]));
}

function hash(raw: unknown): BlockHash {
  if (raw instanceof Uint8Array) return Buffer.from(raw).toString('hex');
  const number = BigInt(raw as number | bigint);
  return number < 0n ? number + 2n ** 64n : number;
}

export const kvEvents: FuzzTarget = {
  name: 'kv-events',
  covers: ['router/kv-events/decode.ts', 'router/kv-events/msgpack.ts'],
  words: [
    '\xabBlockStored', '\xacBlockRemoved', '\xb0AllBlocksCleared', '\xa4type', '\xacblock_hashes', '\xb1parent_block_hash', '\xa9token_ids',
    '\xaablock_size', '\xa6medium', '\xa3GPU', '\xaaextra_keys', '\xa9group_idx', '\xb2kv_cache_spec_kind', '\xa7lora_id', '\xcf', '\xd3', '\xc0',
    '\xc4\x20', '\xdd\x00\x00\x00\x02', '\xdf\x00\x00\x00\x01', '\xdc\x00\x02', '\xcb?\xf8\x00\x00\x00\x00\x00\x00', '\x93', '\x91', '\x90',
  ],
  bytesMax: 2048,
  run,
}; // prettier-ignore

// A batch of KV events as vLLM and SGLang publish it: `[ts, events, rank]`, each event a map with "type" (vLLM from 0.23) or an array
// with its tag first (before). Anything else is refused whole.
import { ROUTER_LIMITS } from '../limits.ts';
import { MalformedError, readValue, type Value } from './msgpack.ts';

/** An engine's own name of a block: 64 bits as one unsigned number, or the hex of 32 bytes. */
export type BlockHash = bigint | string;

export interface BlocksStored {
  kind: 'stored';
  hashes: BlockHash[];
  /** Null: the first block of a prompt. */
  parent: BlockHash | null;
  tokens: Uint32Array;
  blockTokens: number;
  medium: string;
  /** What a block's KV depends on besides tokens, canonical text per block, '' = nothing. Null: the engine does not tell. */
  extras: string[] | null;
  adapter: boolean;
  group: number;
  /** Kind of attention; '' = not told. */
  spec: string;
}
export interface BlocksRemoved {
  kind: 'removed';
  hashes: BlockHash[];
  medium: string;
  group: number;
}
export type KvEvent = BlocksStored | BlocksRemoved | { kind: 'cleared' } | { kind: 'other' };

export interface KvBatch {
  events: KvEvent[];
  rank: number | null;
}

// Fields in the order of the array shape, after the tag.
const STORED = ['block_hashes', 'parent_block_hash', 'token_ids', 'block_size', 'lora_id', 'medium', 'lora_name', 'extra_keys', 'group_idx', 'kv_cache_spec_kind']; // prettier-ignore
const REMOVED = ['block_hashes', 'medium', 'group_idx'];
const BOUNDS = { depthMax: 8, lengthMax: ROUTER_LIMITS.eventTokensMax, bytesMax: 4096 };

/** Throws MalformedError for bytes that are no batch. */
export function decodeBatch(bytes: Uint8Array): KvBatch {
  if (bytes.length > ROUTER_LIMITS.eventBytesMax) throw new MalformedError('the batch exceeds the bound');
  const batch = readValue(bytes, BOUNDS);
  if (!Array.isArray(batch) || batch.length < 2 || typeof batch[0] !== 'number' || !Array.isArray(batch[1]))
    throw new MalformedError('it is no batch');
  const [, events, rank = null] = batch;
  return { events: events.map(eventOf), rank: rank === null ? null : int(rank, 'rank') };
}

function eventOf(value: Value): KvEvent {
  let type: Value | undefined;
  let field: (name: string) => Value;
  if (value instanceof Map) {
    type = value.get('type');
    field = (name) => value.get(name) ?? null;
  } else if (Array.isArray(value)) {
    type = value[0];
    const names = type === 'BlockRemoved' ? REMOVED : STORED;
    field = (name) => value[names.indexOf(name) + 1] ?? null;
  } else throw new MalformedError('an event is neither map nor array');
  if (type === 'BlockStored') return stored(field);
  if (type === 'BlockRemoved')
    return {
      kind: 'removed',
      hashes: hashes(field('block_hashes')),
      medium: medium(field('medium')),
      group: group(field('group_idx')),
    };
  if (type === 'AllBlocksCleared') return { kind: 'cleared' };
  if (typeof type !== 'string') throw new MalformedError('an event has no type');
  return { kind: 'other' };
}

function stored(field: (name: string) => Value): BlocksStored {
  const names = hashes(field('block_hashes'));
  const parent = field('parent_block_hash');
  const blockTokens = int(field('block_size'), 'block_size');
  if (blockTokens < 1 || blockTokens > ROUTER_LIMITS.blockTokensMax)
    throw new MalformedError('block_size is out of range');
  const tokens = tokenIds(field('token_ids'));
  if (tokens.length !== names.length * blockTokens) throw new MalformedError('tokens and blocks do not fit');
  const spec = field('kv_cache_spec_kind') ?? '';
  if (typeof spec !== 'string') throw new MalformedError('kv_cache_spec_kind is no string');
  return {
    kind: 'stored', hashes: names, parent: parent === null ? null : hashOf(parent), tokens, blockTokens,
    medium: medium(field('medium')), extras: extras(field('extra_keys'), names.length),
    adapter: field('lora_id') !== null || field('lora_name') !== null, group: group(field('group_idx')), spec,
  }; // prettier-ignore
}

function hashes(value: Value): BlockHash[] {
  if (!Array.isArray(value) || value.length > ROUTER_LIMITS.eventBlocksMax)
    throw new MalformedError('block_hashes are no list in bounds');
  return value.map(hashOf);
}

/** SGLang's are signed; one name for the same 64 bits. */
function hashOf(value: Value): BlockHash {
  if (typeof value === 'bigint') return BigInt.asUintN(64, value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value));
  if (value instanceof Uint8Array && value.length === 32) return Buffer.from(value).toString('hex');
  throw new MalformedError('a block hash is neither 64 bits nor 32 bytes');
}

function tokenIds(value: Value): Uint32Array {
  if (!Array.isArray(value)) throw new MalformedError('token_ids are no list');
  const tokens = new Uint32Array(value.length);
  for (let i = 0; i < value.length; i++) {
    const id = value[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0xffffffff)
      throw new MalformedError('a token id is none');
    tokens[i] = id;
  }
  return tokens;
}

function extras(value: Value, blocks: number): string[] | null {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== blocks)
    throw new MalformedError('extra_keys do not fit the blocks');
  return value.map((one) => (one === null || (Array.isArray(one) && one.length === 0) ? '' : canonical(one)));
}

/** One text per value, so that what differs reads differently. */
export function canonical(value: Value): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return { int: String(inner) };
    if (inner instanceof Uint8Array) return { bytes: Buffer.from(inner).toString('hex') };
    if (inner instanceof Map) return { map: [...(inner as Map<string, Value>)] };
    return inner;
  });
}

function medium(value: Value): string {
  if (value === null) return 'GPU';
  if (typeof value !== 'string') throw new MalformedError('medium is no string');
  return value;
}

const group = (value: Value): number => (value === null ? 0 : int(value, 'group_idx'));

function int(value: Value, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    throw new MalformedError(`${what} is no whole number`);
  return value;
}

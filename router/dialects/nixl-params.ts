// kv_transfer_params of a prefill engine's answer: opaque bytes for the decode engine, looked at just enough to refuse what
// vLLM 0.32 answers with wrong text or dies of (half-filled params, no blocks, fewer blocks than the prompt needs).
import { LIMITS } from '#core/limits.ts';
import { refuseDuplicates, scanJsonObject } from '../api/json-scan.ts';
import { splice } from '../api/body.ts';

export interface EngineParams {
  /** The object's bytes as latin1, like every leg's body: as the engine wrote it, but for the configured host. */
  json: string;
  /** Prompt tokens that the prefill engine had cached; null: it does not say. */
  cachedTokens: number | null;
  /** When its answer arrived: the lease counts from here. */
  since: number;
}

/** Why params are not passed on. */
export type ParamsRefusal = 'unreadable' | 'missing' | 'half_filled' | 'no_blocks' | 'short';

export interface ParamsFacts {
  now: number;
  /** Where the decode engine reaches the prefill engine's side channel; null: where the engine says. */
  host: string | null;
  /** Tokens of one of the prefill engine's blocks; null: not known. */
  blockTokens: number | null;
}

const KEY = 'kv_transfer_params';
/** Without these vLLM's decode engine recomputes silently, or dies. */
const REQUIRED: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ['do_remote_prefill', (value) => value === true],
  ['remote_engine_id', isText],
  ['remote_request_id', isText],
  ['remote_host', isText],
  ['remote_port', (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536],
];
const WATCHED: ReadonlySet<string> = new Set([KEY]);

/** The params of one prefill answer, or why there are none to pass on. */
export function readEngineParams(answer: Buffer, facts: ParamsFacts): EngineParams | ParamsRefusal {
  try {
    return read(answer, facts);
  } catch {
    return 'unreadable';
  }
}

function read(answer: Buffer, { now, host, blockTokens }: ParamsFacts): EngineParams | ParamsRefusal {
  const { members, value } = scanJsonObject(answer, LIMITS.jsonDepthMax);
  refuseDuplicates(members, WATCHED);
  const member = members.find(({ key }) => key === KEY);
  const params = value[KEY] ?? null;
  if (member === undefined || params === null) return 'missing';
  if (!isObject(params)) return 'unreadable';
  for (const [key, good] of REQUIRED) if (!good(params[key])) return 'half_filled';
  const groups = blockGroups(params['remote_block_ids']);
  if (groups === null) return 'half_filled';
  if (groups.length === 0 || groups.some((group) => group.length === 0)) return 'no_blocks';
  const tokens = params['remote_num_tokens'];
  const usage = value['usage'] as Usage | null | undefined;
  if (typeof tokens === 'number') {
    if (typeof usage?.prompt_tokens === 'number' && tokens < usage.prompt_tokens) return 'short';
    // With several groups some may hold fewer: sliding windows.
    const only = groups.length === 1 ? groups[0] : undefined;
    if (blockTokens !== null && only !== undefined && only.length * blockTokens < tokens) return 'short';
  }
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? params['remote_prefill_cached_tokens'];
  return {
    json: textOf(answer.subarray(member.valueStart, member.valueEnd), host),
    cachedTokens: typeof cached === 'number' && Number.isSafeInteger(cached) && cached >= 0 ? cached : null,
    since: now,
  };
}

interface Usage {
  prompt_tokens?: unknown;
  prompt_tokens_details?: { cached_tokens?: unknown } | null;
}

/** The object's own text, with another host if one is configured. */
function textOf(bytes: Buffer, host: string | null): string {
  if (host === null) return bytes.toString('latin1');
  const params = scanJsonObject(bytes, LIMITS.jsonDepthMax);
  const name = Buffer.from(JSON.stringify(host)).toString('latin1');
  return splice(params, new Map([['remote_host', name]]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Blocks per KV-cache group; older versions have one flat list. Null: neither. */
function blockGroups(value: unknown): unknown[][] | null {
  if (!Array.isArray(value)) return null;
  const list = value as unknown[];
  if (list.length > 0 && list.every((id) => typeof id === 'number')) return [list];
  return list.every((group) => Array.isArray(group)) ? list : null;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

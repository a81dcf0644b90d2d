// Parameters that the router reads, their types and ranges. What it does not read is the engine's to judge.
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from '../limits.ts';

type Fields = Readonly<Record<string, unknown>>;

export interface Params {
  model: string;
  stream: boolean;
  /** Null: the request names no bound. */
  maxTokens: number | null;
  /** The client bounds its output by max_completion_tokens. */
  usesCompletionTokens: boolean;
  choices: number;
  /** '' = none. */
  cacheSalt: string;
}

type Check = (fields: Fields, name: string) => void;

/** What is required of a field that is there. */
export const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...['audio', 'web_search_options', 'functions', 'function_call', 'suffix'].map((name): [string, Check] => [name, absent]),
  ['modalities', (fields, name) => { modalities(fields, name); }],
  ['max_tokens', (fields, name) => { integer(fields, name, 1, LIMITS.promptTokensMax); }],
  ['max_completion_tokens', (fields, name) => { integer(fields, name, 1, LIMITS.promptTokensMax); }],
  ['min_tokens', (fields, name) => { integer(fields, name, 0, LIMITS.promptTokensMax); }],
  ['best_of', (fields, name) => { integer(fields, name, 1, LIMITS.choicesMax); }],
  ['seed', (fields, name) => { integer(fields, name, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY); }],
  ['temperature', (fields, name) => { number(fields, name, 0, 2); }],
  ['top_p', (fields, name) => { number(fields, name, 0, 1); }],
  ['presence_penalty', (fields, name) => { number(fields, name, -2, 2); }],
  ['frequency_penalty', (fields, name) => { number(fields, name, -2, 2); }],
  ['stop', (fields, name) => { stops(fields[name]); }],
  ['stream_options', object],
  ['response_format', object],
]); // prettier-ignore

export function readParams(fields: Fields): Params {
  const { model } = fields;
  if (model === undefined)
    throw new BatonError('missing_field', 'The field "model" is missing.', { param: 'model' });
  if (typeof model !== 'string') throw wrong('model', 'a string');
  for (const name of Object.keys(fields)) CHECKS.get(name)?.(fields, name);
  const salt = fields['cache_salt'] ?? '';
  if (typeof salt !== 'string' || Buffer.byteLength(salt) > ROUTER_LIMITS.cacheSaltBytesMax) {
    throw wrong('cache_salt', `a string of at most ${ROUTER_LIMITS.cacheSaltBytesMax} bytes`);
  }
  const completionTokens = fields['max_completion_tokens'] ?? null;
  return {
    model,
    stream: boolean(fields, 'stream'),
    maxTokens: (completionTokens ?? fields['max_tokens'] ?? null) as number | null,
    usesCompletionTokens: completionTokens !== null,
    choices: integer(fields, 'n', 1, LIMITS.choicesMax) ?? 1,
    cacheSalt: salt,
  };
}

export function boolean(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value !== 'boolean') throw wrong(name, 'true or false');
  return value;
}

export function wrong(param: string, what: string): BatonError {
  return new BatonError('invalid_type', `"${param}" must be ${what}.`, { param });
}

function absent(fields: Fields, name: string): void {
  if (fields[name] !== null) throw unsupported(name);
}

function modalities(fields: Fields, name: string): void {
  const kinds = fields[name];
  if (Array.isArray(kinds) && kinds.some((kind) => kind !== 'text')) throw unsupported(name);
}

function unsupported(param: string): BatonError {
  return new BatonError('unsupported_parameter', `"${param}" is not supported. Leave it out.`, { param });
}

function integer(fields: Fields, name: string, min: number, max: number): number | null {
  const value = fields[name] ?? null;
  if (value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw wrong(name, Number.isFinite(min) ? `a whole number from ${min} to ${max}` : 'a whole number');
  }
  return value;
}

function number(fields: Fields, name: string, min: number, max: number): void {
  const value = fields[name] ?? null;
  if (value !== null && (typeof value !== 'number' || value < min || value > max)) {
    throw wrong(name, `a number from ${min} to ${max}`);
  }
}

function object(fields: Fields, name: string): void {
  const value = fields[name] ?? null;
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw wrong(name, 'an object');
}

function stops(value: unknown): void {
  if (value === undefined || value === null || typeof value === 'string') return;
  const list = Array.isArray(value) && value.length <= ROUTER_LIMITS.stopsMax ? (value as unknown[]) : null;
  if (list?.every((stop) => typeof stop === 'string') !== true) {
    throw wrong('stop', `a string or a list of at most ${ROUTER_LIMITS.stopsMax} strings`);
  }
}

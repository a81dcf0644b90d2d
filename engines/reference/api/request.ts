// What chat and completion requests have in common: sampling, stop strings, streaming, names of the KV.
import { BatonError } from '#core/errors.ts';
import { fromHex, KEY_BYTES, TICKET_BYTES } from '#core/ids.ts';
import type { Engine, GenerateRequest } from '../engine.ts';
import { ENGINE_LIMITS } from '../limits.ts';
import type { Naming } from '../prompt.ts';
import type { Fields } from './fields.ts';

export interface ApiRequest {
  generate: GenerateRequest;
  stream: boolean;
  includeUsage: boolean;
  returnTokenIds: boolean;
}

/** All but the prompt. */
export type Common = Omit<ApiRequest, 'generate'> & { generate: Omit<GenerateRequest, 'prompts'> };

export interface MaxTokensNames {
  names: readonly string[];
  /** null: as many as the model has room for. */
  otherwise: number | null;
}

const INT64_MAX = 2 ** 63;

/** Reads everything that chat and completions share; `maxTokens` stays Infinity when as many as fit are wanted. */
export function readCommon(fields: Fields, engine: Engine, requestId: string, limit: MaxTokensNames): Common {
  checkModel(fields, engine);
  const lenMax = engine.parts.settings.max_model_len;
  const maxTokens = limit.names
    .map((name) => fields.integer(name, { min: 1, max: Number.MAX_SAFE_INTEGER }))
    .find((value) => value !== null);
  const seed = fields.number('seed', { min: -INT64_MAX, max: INT64_MAX });
  const stream = fields.boolean('stream') ?? false;
  const streamOptions = fields.object('stream_options');
  if (streamOptions !== null && !stream) throw fields.wrong('stream_options', 'needs stream: true');
  const includeUsage = streamOptions?.boolean('include_usage') ?? false;
  streamOptions?.ignore('include_obfuscation', 'continuous_usage_stats');
  streamOptions?.end();
  const common = {
    stream,
    includeUsage,
    returnTokenIds: fields.boolean('return_token_ids') ?? false,
    generate: {
      requestId,
      n: fields.integer('n', { min: 1, max: ENGINE_LIMITS.choicesMax }) ?? 1,
      sampling: {
        temperature: fields.number('temperature', { min: 0, max: 2 }) ?? 1,
        topP: readTopP(fields),
        seed: seed === null ? null : toUint32(seed),
        maxTokens: maxTokens ?? limit.otherwise ?? Infinity,
        minTokens: fields.integer('min_tokens', { min: 0, max: lenMax }) ?? 0,
        ignoreEos: fields.boolean('ignore_eos') ?? false,
      },
      stops: readStops(fields),
      naming: null,
      cacheSalt: fields.string('cache_salt', ENGINE_LIMITS.cacheSaltCharsMax),
    },
  };
  if (common.generate.sampling.minTokens > common.generate.sampling.maxTokens) {
    throw fields.wrong('min_tokens', 'must not exceed max_tokens');
  }
  readNeutral(fields);
  return common;
}

/** `kv_transfer_params`: names of the prompt's KV, and for chat the rendered token ids. */
export function readTransfer(fields: Fields): { naming: Naming | null; rendered: unknown } {
  const transfer = fields.object('kv_transfer_params');
  const baton = transfer?.object('baton') ?? null;
  if (baton === null) return { naming: null, rendered: null };
  const root = hexField(baton, 'root', KEY_BYTES);
  const ticket = hexField(baton, 'ticket', TICKET_BYTES);
  const role = baton.string('role', 16);
  const rendered = baton.any('rendered') ?? null;
  baton.end();
  if (role !== null && role !== 'prefill' && role !== 'decode') {
    throw baton.wrong('role', 'must be prefill or decode');
  }
  if (root === null) {
    if (ticket !== null) throw baton.wrong('root', 'is required with a ticket');
    return { naming: null, rendered };
  }
  if (ticket !== null && role === null) throw baton.wrong('role', 'is required with a ticket');
  return { naming: { root, ticket, role }, rendered };
}

/** The whole request, once its prompts are known; `context_length_exceeded` when they do not fit. */
export function withPrompts(
  common: Common,
  prompts: Uint32Array[],
  naming: Naming | null,
  engine: Engine,
): ApiRequest {
  const { max_model_len: lenMax } = engine.parts.settings;
  const { sampling, n } = common.generate;
  if (prompts.length * n > ENGINE_LIMITS.sequencesPerRequestMax) {
    throw new BatonError(
      'invalid_type',
      `prompts × n must be at most ${ENGINE_LIMITS.sequencesPerRequestMax}`,
      { param: 'n' },
    );
  }
  if (naming !== null && naming.ticket !== null && prompts.length > 1) {
    throw new BatonError('invalid_type', 'a ticket is for one prompt', { param: 'kv_transfer_params' });
  }
  let room = lenMax;
  for (const { length } of prompts) {
    if (length === 0) throw new BatonError('invalid_type', 'the prompt is empty', { param: 'prompt' });
    room = Math.min(room, lenMax - length);
    const wanted = Number.isFinite(sampling.maxTokens) ? sampling.maxTokens : 1;
    if (length + wanted > lenMax) {
      throw new BatonError(
        'context_length_exceeded',
        `the model holds ${lenMax} tokens: ${length} of the prompt and ${wanted} to generate are more`,
        { param: 'max_tokens' },
      );
    }
  }
  const maxTokens = Math.min(sampling.maxTokens, room);
  return {
    ...common,
    generate: { ...common.generate, sampling: { ...sampling, maxTokens }, prompts, naming },
  };
}

/** Token ids from JSON, checked; null when `value` is not a list of numbers. */
export function readTokenIds(
  value: unknown,
  fields: Fields,
  name: string,
  engine: Engine,
): Uint32Array | null {
  if (!Array.isArray(value) || !value.every((id) => typeof id === 'number')) return null;
  checkLength(value.length, engine);
  const { vocab } = engine.parts.model;
  if (!value.every((id) => Number.isInteger(id) && id >= 0 && id < vocab)) {
    throw fields.wrong(name, `must hold token ids from 0 to ${vocab - 1}`);
  }
  return Uint32Array.from(value);
}

/**
 * Counts whether a router made the same of this prompt. What the engine itself makes of it is what it computes and names: a
 * router with another tokenizer costs hits, never an answer.
 */
export function compareRendering(
  rendered: unknown,
  own: Uint32Array | null,
  fields: Fields,
  engine: Engine,
): void {
  if (rendered === null || own === null) return;
  if (!Array.isArray(rendered))
    throw fields.wrong('kv_transfer_params', '.baton.rendered must be a list of token ids');
  const agreed = rendered.length === own.length && own.every((id, i) => id === rendered[i]);
  engine.parts.metrics.add('baton_engine_renderings_compared_total', 1, { agreed: String(agreed) });
}

/** Refuses what is certainly too long before work is spent on it. */
export function checkLength(tokensAtLeast: number, engine: Engine): void {
  const { max_model_len: lenMax } = engine.parts.settings;
  if (tokensAtLeast < lenMax) return;
  throw new BatonError('context_length_exceeded', `the model holds ${lenMax} tokens: the prompt is longer`, {
    param: 'prompt',
  });
}

function checkModel(fields: Fields, engine: Engine): void {
  const model = fields.required('model');
  if (typeof model !== 'string') throw fields.wrong('model', 'must be a string');
  if (model === engine.parts.model.servedName) return;
  throw new BatonError('model_not_found', `this engine serves ${engine.parts.model.servedName}`, {
    param: 'model',
  });
}

function readTopP(fields: Fields): number {
  const topP = fields.number('top_p', { min: 0, max: 1 }) ?? 1;
  if (topP === 0) throw fields.wrong('top_p', 'must be above 0');
  return topP;
}

function readStops(fields: Fields): string[] {
  const value = fields.any('stop');
  if (value === null) return [];
  const stops: unknown[] = Array.isArray(value) ? value : [value];
  if (stops.length > ENGINE_LIMITS.stopsMax)
    throw fields.wrong('stop', `must hold at most ${ENGINE_LIMITS.stopsMax}`);
  return stops.map((stop) => {
    if (typeof stop !== 'string' || stop === '' || stop.length > ENGINE_LIMITS.stopCharsMax) {
      throw fields.wrong('stop', `must be strings of 1 to ${ENGINE_LIMITS.stopCharsMax} characters`);
    }
    return stop;
  });
}

/** Parameters that this engine has no use for: harmless ones, and ones accepted at the value that asks for nothing. */
function readNeutral(fields: Fields): void {
  fields.ignore(
    'user',
    'metadata',
    'store',
    'service_tier',
    'safety_identifier',
    'prompt_cache_key',
    'priority',
    'request_id',
  );
  fields.neutral('presence_penalty', 0);
  fields.neutral('frequency_penalty', 0);
  fields.neutral('repetition_penalty', 1);
  fields.neutral('top_k', -1, 0);
  fields.neutral('min_p', 0);
  fields.neutral('logit_bias', {});
  fields.neutral('response_format', { type: 'text' });
  fields.neutral('skip_special_tokens', true);
  fields.neutral('include_stop_str_in_output', false);
  fields.neutral('stop_token_ids', []);
  fields.neutral('best_of', 1);
}

function hexField(fields: Fields, name: string, bytes: number): Uint8Array | null {
  const text = fields.string(name, bytes * 2);
  if (text === null) return null;
  const value = fromHex(text, bytes);
  if (value === null) throw fields.wrong(name, `must be ${bytes * 2} hex digits`);
  return value;
}

function toUint32(value: number): number {
  return ((Math.trunc(value) % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

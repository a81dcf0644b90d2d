// POST /v1/completions
import type { Engine } from '../engine.ts';
import { ENGINE_LIMITS } from '../limits.ts';
import type { AnswerShape } from './answer.ts';
import { CHARS_PER_TOKEN_MAX } from './chat.ts';
import type { Fields } from './fields.ts';
import {
  type ApiRequest,
  checkLength,
  compareRendering,
  readCommon,
  readTokenIds,
  readTransfer,
  withPrompts,
} from './request.ts';

const DEFAULT_MAX_TOKENS = 16; // OpenAI's

export const completionShape: AnswerShape = {
  idPrefix: 'cmpl-',
  object: 'text_completion',
  chunkObject: 'text_completion',
  choice: (text) => ({ text, logprobs: null }),
  chunkChoice: (text) => ({ text, logprobs: null }),
  promptIdsInChoice: true,
};

export async function readCompletion(fields: Fields, engine: Engine, requestId: string): Promise<ApiRequest> {
  const limit = { names: ['max_tokens', 'max_completion_tokens'], otherwise: DEFAULT_MAX_TOKENS };
  const common = readCommon(fields, engine, requestId, limit);
  const prompt = fields.required('prompt');
  const { naming, rendered } = readTransfer(fields);
  fields.neutral('logprobs');
  fields.neutral('echo', false);
  fields.neutral('suffix', '');
  fields.neutral('prompt_logprobs');
  fields.neutral('use_beam_search', false);
  fields.end();
  const prompts = await readPrompts(prompt, fields, engine);
  compareRendering(rendered, prompts.length === 1 ? (prompts[0] ?? null) : null, fields, engine);
  return withPrompts(common, prompts, naming, engine);
}

/** A text, a list of token ids, or a list of either. */
async function readPrompts(prompt: unknown, fields: Fields, engine: Engine): Promise<Uint32Array[]> {
  const one = await readPrompt(prompt, fields, engine);
  if (one !== null) return [one];
  if (!Array.isArray(prompt)) throw fields.wrong('prompt', 'must be a string or a list of token ids');
  if (prompt.length > ENGINE_LIMITS.promptsMax) {
    throw fields.wrong('prompt', `must hold at most ${ENGINE_LIMITS.promptsMax} prompts`);
  }
  const prompts: Uint32Array[] = [];
  for (const item of prompt) {
    const tokens = await readPrompt(item, fields, engine);
    if (tokens === null) throw fields.wrong('prompt', 'must hold strings or lists of token ids');
    prompts.push(tokens);
  }
  return prompts;
}

export async function readPrompt(
  prompt: unknown,
  fields: Fields,
  engine: Engine,
): Promise<Uint32Array | null> {
  if (typeof prompt !== 'string') return readTokenIds(prompt, fields, 'prompt', engine);
  checkLength(prompt.length / CHARS_PER_TOKEN_MAX, engine);
  return engine.parts.renderer.prompt(prompt);
}

// POST /v1/chat/completions
import type { ChatMessage } from '#core/render.ts';
import type { Engine } from '../engine.ts';
import { ENGINE_LIMITS } from '../limits.ts';
import type { AnswerShape } from './answer.ts';
import { type Fields, isObject } from './fields.ts';
import {
  type ApiRequest,
  checkLength,
  compareRendering,
  readCommon,
  readTransfer,
  withPrompts,
} from './request.ts';

export const chatShape: AnswerShape = {
  idPrefix: 'chatcmpl-',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  choice: (text) => ({ message: { role: 'assistant', content: text, refusal: null }, logprobs: null }),
  chunkChoice: (text, first) => ({ delta: first ? { role: 'assistant', content: text } : { content: text }, logprobs: null }),
  promptIdsInChoice: false,
}; // prettier-ignore

export async function readChat(fields: Fields, engine: Engine, requestId: string): Promise<ApiRequest> {
  const limit = { names: ['max_completion_tokens', 'max_tokens'], otherwise: null };
  const common = readCommon(fields, engine, requestId, limit);
  const messages = readMessages(fields);
  const { naming, rendered } = readTransfer(fields);
  fields.neutral('logprobs', false);
  fields.neutral('top_logprobs', 0);
  fields.neutral('tools', []);
  fields.neutral('tool_choice', 'none', 'auto');
  fields.neutral('functions', []);
  fields.neutral('function_call', 'none', 'auto');
  fields.neutral('modalities', ['text']);
  fields.neutral('add_generation_prompt', true);
  fields.neutral('continue_final_message', false);
  fields.neutral('echo', false);
  fields.ignore('parallel_tool_calls', 'reasoning_effort', 'verbosity', 'prediction');
  fields.end();
  const tokens = await renderChat(messages, engine);
  compareRendering(rendered, tokens, fields, engine);
  return withPrompts(common, [tokens], naming, engine);
}

export function readMessages(fields: Fields): ChatMessage[] {
  const messages = fields.required('messages');
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > ENGINE_LIMITS.messagesMax) {
    throw fields.wrong('messages', `must be a list of 1 to ${ENGINE_LIMITS.messagesMax} messages`);
  }
  return messages.map((message: unknown) => {
    if (!isObject(message) || typeof message['role'] !== 'string') {
      throw fields.wrong('messages', 'must be objects with a role');
    }
    if (typeof message['content'] !== 'string' && !Array.isArray(message['content'])) {
      throw fields.wrong('messages', 'must have text as content');
    }
    return message;
  });
}

/** Characters of one token at most, generously: what is longer cannot fit and is not tokenised. */
export const CHARS_PER_TOKEN_MAX = 16;

export async function renderChat(messages: readonly ChatMessage[], engine: Engine): Promise<Uint32Array> {
  checkLength(JSON.stringify(messages).length / CHARS_PER_TOKEN_MAX, engine);
  return engine.parts.renderer.chat(messages, null);
}

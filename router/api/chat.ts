// /v1/chat/completions: what of the body is the prompt, and whether the router can name it.
import type { ChatMessage } from '#core/render.ts';
import { BatonError } from '#core/errors.ts';
import { wrong } from './params.ts';

export interface ChatPrompt {
  kind: 'chat';
  messages: readonly ChatMessage[];
  tools: readonly unknown[] | null;
}

type Fields = Readonly<Record<string, unknown>>;

// Fields that change what the engine's template makes of the messages; the router's own rendering knows none of them.
export const SHAPING: ReadonlySet<string> = new Set([
  'chat_template', 'chat_template_kwargs', 'add_generation_prompt', 'continue_final_message', 'add_special_tokens',
  'documents', 'truncate_prompt_tokens', 'mm_processor_kwargs', 'reasoning_effort', 'prompt_embeds',
]); // prettier-ignore

export function readChat(fields: Fields): ChatPrompt {
  const { messages, tools } = fields;
  if (messages === undefined) {
    throw new BatonError('missing_field', 'The field "messages" is missing.', { param: 'messages' });
  }
  if (!Array.isArray(messages) || messages.length === 0)
    throw wrong('messages', 'a list of at least one message');
  (messages as unknown[]).forEach((message, i) => {
    if (typeof message !== 'object' || message === null || Array.isArray(message))
      throw wrong(`messages.${i}`, 'an object');
    const { role, content } = message as Record<string, unknown>;
    if (typeof role !== 'string') throw wrong(`messages.${i}.role`, 'a string');
    const text = content === undefined || content === null || typeof content === 'string';
    if (!text && !Array.isArray(content)) throw wrong(`messages.${i}.content`, 'a string or a list of parts');
  });
  if (tools !== undefined && tools !== null && !Array.isArray(tools)) throw wrong('tools', 'a list');
  return {
    kind: 'chat',
    messages: messages as ChatMessage[],
    tools: (tools as unknown[] | undefined) ?? null,
  };
}

/** Why this chat cannot be named by its tokens; null: it can. */
export function unnamedChat(prompt: ChatPrompt, fields: Fields): string | null {
  for (const name of Object.keys(fields))
    if (SHAPING.has(name) && fields[name] !== null) return `field ${name}`;
  for (const { content } of prompt.messages) {
    if (!Array.isArray(content)) continue;
    const media = (content as unknown[]).some((part) => (part as { type?: unknown } | null)?.type !== 'text');
    if (media) return 'media';
  }
  return null;
}

// One chat request over HTTP, streamed, as a client sees it.
import { BatonError } from '#core/errors.ts';

export interface ChatTurn {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface Answer {
  id: string;
  text: string;
  tokenIds: number[];
  /** As the engines count them: the router may know neither. */
  promptTokens: number;
  cachedTokens: number;
}

interface Event {
  choices: { delta?: { content?: string | null }; token_ids?: number[] | null }[];
  usage?: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens?: number } | null } | null;
}

export interface Asked {
  model: string;
  maxTokens: number;
  ignoreEos: boolean;
  /** Keeps what this request leaves in an engine's prefix cache from every other one. */
  cacheSalt?: string;
}

/** Asks and reads the stream to its end; throws when the answer is an error or has no [DONE]. */
export async function ask(
  url: string,
  id: string,
  messages: readonly ChatTurn[],
  { model, maxTokens, ignoreEos, cacheSalt }: Asked,
): Promise<Answer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({
      model, messages, max_tokens: maxTokens, temperature: 0, stream: true, return_token_ids: true, ignore_eos: ignoreEos,
      stream_options: { include_usage: true },
      ...(cacheSalt === undefined ? {} : { cache_salt: cacheSalt }),
    }),
  }); // prettier-ignore
  const text = await response.text();
  if (!response.ok || !text.includes('data: [DONE]')) {
    throw new BatonError(
      'decode_failed',
      `the demo's request ended with status ${response.status}: ${text.slice(0, 300)}`,
    );
  }
  const answer: Answer = { id, text: '', tokenIds: [], promptTokens: 0, cachedTokens: 0 };
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const { choices, usage } = JSON.parse(line.slice('data: '.length)) as Event;
    answer.text += choices[0]?.delta?.content ?? '';
    answer.tokenIds.push(...(choices[0]?.token_ids ?? []));
    answer.promptTokens = usage?.prompt_tokens ?? answer.promptTokens;
    answer.cachedTokens = usage?.prompt_tokens_details?.cached_tokens ?? answer.cachedTokens;
  }
  return answer;
}

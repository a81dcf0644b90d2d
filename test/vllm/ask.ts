// Requests to real vLLM, through the router or to an engine alone.
import { MODEL } from './live.ts';

export interface Asked {
  status: number;
  /** The whole body of an answer that is no 200. */
  error: string;
  promptIds: number[];
  tokenIds: number[];
  text: string;
  promptTokens: number;
  cachedTokens: number;
}

export interface AskOptions {
  id?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

interface Body {
  choices: {
    prompt_token_ids?: number[];
    token_ids?: number[];
    text?: string;
    message?: { content: string | null };
  }[];
  prompt_token_ids?: number[];
  usage?: { prompt_tokens: number; prompt_tokens_details?: { cached_tokens?: number } | null };
}

/** A completion (`prompt` in the body) or a chat completion (`messages`), greedy, not streamed, with its token ids. */
export async function askVllm(
  url: string,
  body: Readonly<Record<string, unknown>>,
  options: AskOptions = {},
): Promise<Asked> {
  const path = 'messages' in body ? '/v1/chat/completions' : '/v1/completions';
  const response = await fetch(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(options.id === undefined ? {} : { 'x-request-id': options.id }),
      ...options.headers,
    },
    body: JSON.stringify({ model: MODEL, temperature: 0, max_tokens: 16, return_token_ids: true, ...body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await response.text();
  const asked: Asked = { status: response.status, error: '', promptIds: [], tokenIds: [], text: '', promptTokens: 0, cachedTokens: 0 }; // prettier-ignore
  if (!response.ok) return { ...asked, error: text };
  const { choices, prompt_token_ids, usage } = JSON.parse(text) as Body;
  const choice = choices[0];
  return {
    ...asked,
    promptIds: choice?.prompt_token_ids ?? prompt_token_ids ?? [],
    tokenIds: choice?.token_ids ?? [],
    text: choice?.message?.content ?? choice?.text ?? '',
    promptTokens: usage?.prompt_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

let salts = 0;

/** The reference: a plain request to an engine, under a cache salt that no other request has. */
export function askAlone(url: string, body: Readonly<Record<string, unknown>>): Promise<Asked> {
  return askVllm(url, { ...body, cache_salt: `alone-${process.pid}-${++salts}` });
}

/** The first requests over a pair do lazy work (NIXL's handshake, imports): they are not measured or counted. */
export async function warm(pair: { routerUrl: string }): Promise<void> {
  for (const length of [600, 40]) {
    const prompt = Array.from({ length }, (_, i) => 300 + ((i * 31 + length) % 3700));
    const { status, error } = await askVllm(pair.routerUrl, { prompt });
    if (status !== 200) throw new Error(`a pair of vLLM engines does not serve: ${status} ${error}`);
  }
}

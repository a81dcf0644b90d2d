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
}

const ANSWER_TOKENS = 24;

/** Asks and reads the stream to its end; throws when the answer is an error or has no [DONE]. */
export async function ask(
  url: string,
  id: string,
  messages: readonly ChatTurn[],
  model: string,
): Promise<Answer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify({
      model, messages, max_tokens: ANSWER_TOKENS, temperature: 0, stream: true, return_token_ids: true, ignore_eos: true,
    }),
  }); // prettier-ignore
  const text = await response.text();
  if (!response.ok || !text.includes('data: [DONE]')) {
    throw new BatonError(
      'decode_failed',
      `the demo's request ended with status ${response.status}: ${text.slice(0, 300)}`,
    );
  }
  const answer: Answer = { id, text: '', tokenIds: [] };
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const event = JSON.parse(line.slice('data: '.length)) as {
      choices: { delta?: { content?: string | null }; token_ids?: number[] | null }[];
    };
    answer.text += event.choices[0]?.delta?.content ?? '';
    answer.tokenIds.push(...(event.choices[0]?.token_ids ?? []));
  }
  return answer;
}

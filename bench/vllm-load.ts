// Completions of a stated length over HTTP, streamed, so many at a time, each prompt like no other.
import { randomInt, randomUUID } from 'node:crypto';

export interface Target {
  name: string;
  /** Taken in turn. */
  urls: readonly string[];
  /** The router salts by itself. */
  salted: boolean;
}

/** Milliseconds of performance.now(). */
export interface Answered {
  start: number;
  firstMs: number;
  end: number;
}

const VOCABULARY = { first: 300, end: 4000 };

/** `requests` of them, `concurrency` at a time. */
export async function loaded(
  target: Target,
  requests: number,
  concurrency: number,
  length: number,
  tokens: number,
): Promise<Answered[]> {
  const answers: Answered[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < requests) answers.push(await answered(target, next++, length, tokens));
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return answers;
}

/** The nth request of a target, to its end; throws unless it brings exactly `tokens`. */
export async function answered(target: Target, n: number, length: number, tokens: number): Promise<Answered> {
  const prompt = Array.from({ length }, () => randomInt(VOCABULARY.first, VOCABULARY.end));
  const body = JSON.stringify({
    model: 'tiny', prompt, max_tokens: tokens, ignore_eos: true, temperature: 0, stream: true,
    stream_options: { include_usage: true }, ...(target.salted ? { cache_salt: randomUUID() } : {}),
  }); // prettier-ignore
  const start = performance.now();
  const response = await fetch(`${target.urls[n % target.urls.length] ?? ''}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  let firstMs: number | null = null;
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    firstMs ??= performance.now() - start;
    text += decoder.decode(bytes as Uint8Array, { stream: true });
  }
  const end = performance.now();
  const completed = Number(/"completion_tokens":\s*(\d+)/.exec(text)?.[1]);
  if (!response.ok || firstMs === null || completed !== tokens || !text.includes('data: [DONE]'))
    throw new Error(`${target.name}: ${response.status}, ${completed} tokens: ${text.slice(-300)}`);
  return { start, firstMs, end };
}

// Completions at a given rate whatever becomes of them: each is sent when its time has come, streamed, and kept with what was seen of
// it. Arrivals are a Poisson process; times, lengths and prompts come from one source of chance.
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from '#core/random.ts';

export interface Shape {
  /** Tokens of a prompt and of an answer: at least, at most. */
  prompt: readonly [number, number];
  answer: readonly [number, number];
}

export interface Asking {
  id: string;
  tokens: Uint32Array;
  answerTokens: number;
}

/** What was seen of one request; times in ms of performance.now(). */
export interface Seen extends Asking {
  sentAt: number;
  /** The first byte of an answer with status 200. */
  firstAt: number | null;
  /** Its end, whatever it was; null: none yet. */
  endAt: number | null;
  /** 0: no head came. */
  status: number;
  /** `ok`, a code of the error table, or `cut`: the connection ended before the answer did. */
  outcome: string;
  tokenIds: number[];
}

export interface LoadOptions {
  url: string;
  model: string;
  perSecond: number;
  seconds: number;
  shape: Shape;
  random: Random;
  /** Prefix of request ids; a slash or so would not do. */
  name: string;
  headers?: Record<string, string>;
  ended?: (seen: Seen) => void;
  /** Ends the arrivals early. */
  signal?: AbortSignal;
}

/** All requests of one run, those under way included; resolves when the last has been sent. */
export async function openLoop(options: LoadOptions): Promise<{ all: Seen[]; over: Promise<unknown> }> {
  const { perSecond, seconds, shape, random, signal } = options;
  const agent = new Agent({ keepAlive: true });
  const all: Seen[] = [];
  const ends: Promise<void>[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  for (let at = start; ;) {
    at += (-Math.log(1 - random.unit()) * 1000) / perSecond;
    if (at >= end) break;
    const early = at - performance.now();
    if (early > 1) await pause(early);
    if (signal?.aborted === true) break;
    const asking = {
      id: `${options.name}-${all.length}`,
      tokens: promptOf(random, within(random, shape.prompt)),
      answerTokens: within(random, shape.answer),
    };
    const seen: Seen = { ...asking, sentAt: performance.now(), firstAt: null, endAt: null, status: 0, outcome: 'cut', tokenIds: [] }; // prettier-ignore
    all.push(seen);
    ends.push(send(options, agent, seen));
  }
  const over = Promise.all(ends).then(() => {
    agent.destroy();
  });
  return { all, over };
}

const within = (random: Random, [least, most]: readonly [number, number]): number =>
  least + Math.floor(random.unit() * (most - least + 1));

const promptOf = (random: Random, length: number): Uint32Array =>
  Uint32Array.from(random.bytes(length), (byte) => byte % 250);

function send({ url, model, headers, ended }: LoadOptions, agent: Agent, seen: Seen): Promise<void> {
  const body = JSON.stringify({
    model, prompt: [...seen.tokens], max_tokens: seen.answerTokens, temperature: 0, ignore_eos: true,
    stream: true, return_token_ids: true,
  }); // prettier-ignore
  return new Promise((resolve) => {
    let text = '';
    const over = (): void => {
      if (seen.endAt !== null) return;
      seen.endAt = performance.now();
      read(seen, text);
      ended?.(seen);
      resolve();
    };
    const leg = request(`${url}/v1/completions`, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-request-id': seen.id,
        ...headers,
      },
    });
    leg.once('response', (answer) => {
      seen.status = answer.statusCode ?? 0;
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => {
        if (seen.status === 200) seen.firstAt ??= performance.now();
        text += piece;
      });
      answer.once('close', over);
    });
    leg.once('error', over);
    leg.end(body);
  });
}

/** What the whole text of an answer says. */
function read(seen: Seen, text: string): void {
  if (seen.status !== 200) {
    seen.outcome = codeOf(text);
    return;
  }
  const events = text.split('\n\n').flatMap((event) => (event.startsWith('data: ') ? [event.slice(6)] : []));
  for (const event of events) {
    if (event === '[DONE]') seen.outcome = 'ok';
    else if (event.includes('"error"')) seen.outcome = codeOf(event);
    else if (isWhole(event)) {
      const { choices } = JSON.parse(event) as { choices: { token_ids?: number[] }[] };
      seen.tokenIds.push(...(choices[0]?.token_ids ?? []));
    }
  }
}

// Of a connection that was cut the last event may be a part.
const isWhole = (event: string): boolean => event.endsWith('}');

function codeOf(text: string): string {
  return /"code":\s*"(\w+)"/.exec(text)?.[1] ?? 'cut';
}

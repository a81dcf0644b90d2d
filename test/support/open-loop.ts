// Completions at a given rate whatever becomes of those before: each is sent when its time has come. Arrivals are a Poisson process; times, lengths and prompts come from one source of chance.
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

export interface Arrivals {
  perSecond: number;
  seconds: number;
  shape: Shape;
  random: Random;
  /** Prefix of request ids. */
  name: string;
}

/** Calls `ask` for each request when its time has come, and waits for what it returns after the last; rejects once one has. */
export async function arrive(arrivals: Arrivals, ask: (asking: Asking) => Promise<void>): Promise<void> {
  const { perSecond, seconds, shape, random, name } = arrivals;
  const asked: Promise<void>[] = [];
  const broken = new AbortController();
  const start = performance.now();
  for (let at = start; ;) {
    at += (-Math.log(1 - random.unit()) * 1000) / perSecond;
    if (at >= start + seconds * 1000) break;
    const early = at - performance.now();
    if (early > 1) await pause(early);
    if (broken.signal.aborted) break;
    const tokens = promptOf(random, within(random, shape.prompt));
    const asking = { id: `${name}-${asked.length}`, tokens, answerTokens: within(random, shape.answer) };
    const one = ask(asking);
    asked.push(one);
    one.catch(() => { broken.abort(); }); // prettier-ignore
  }
  await Promise.all(asked);
}

export interface LoadOptions extends Arrivals {
  url: string;
  model: string;
}

/** All requests of one run, once the last has ended. */
export async function openLoop(options: LoadOptions): Promise<Seen[]> {
  const agent = new Agent({ keepAlive: true });
  const all: Seen[] = [];
  await arrive(options, (asking) => {
    const seen: Seen = { ...asking, sentAt: performance.now(), firstAt: null, endAt: null, status: 0, outcome: 'cut', tokenIds: [] }; // prettier-ignore
    all.push(seen);
    return send(options, agent, seen);
  });
  agent.destroy();
  return all;
}

const within = (random: Random, [least, most]: readonly [number, number]): number =>
  least + Math.floor(random.unit() * (most - least + 1));

const promptOf = (random: Random, length: number): Uint32Array =>
  Uint32Array.from(random.bytes(length), (byte) => byte % 250);

function send({ url, model }: LoadOptions, agent: Agent, seen: Seen): Promise<void> {
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
      resolve();
    };
    const leg = request(`${url}/v1/completions`, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-request-id': seen.id,
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

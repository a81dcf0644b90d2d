// Asking under faults, and judging what came: the right answer, or one of the ways in which there may be none. What is wrong or
// cut short without a word is an error of the test, whatever the test expects.
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { BatonError, ERRORS, type ErrorEntry } from '#core/errors.ts';

/**
 * right: the whole answer. refused: a status and code of docs/errors.md, before any of it. broken: an error event within the
 * stream, after what came so far was right, and no [DONE]. cut: the connection broke, which no client can take for an answer.
 */
export interface Outcome {
  kind: 'right' | 'refused' | 'broken' | 'cut';
  /** Of refused and broken: the error's code; of cut: the socket's. */
  code: string;
  /** Tokens that came. */
  tokens: number;
}

export interface Question {
  url: string;
  key: string;
  id: string;
  tokens: Uint32Array;
  /** What the engine alone answers. */
  right: readonly number[];
  /** More than is known to be right: for answers that are not to become whole. */
  maxTokens?: number;
  stream?: boolean;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

export async function outcomeOf(question: Question): Promise<Outcome> {
  const seen: number[] = [];
  try {
    const response = await send(question);
    const { statusCode: status = 0 } = response;
    if (status !== 200) return refused(status, response, await text(response));
    if (question.stream === true) return await streamed(response, question, seen);
    take(seen, JSON.parse(await text(response)), question);
    return whole(seen, question);
  } catch (error) {
    // What a socket or the HTTP over it says; all else is the judge's.
    const { code } = error as { code?: unknown };
    if (typeof code !== 'string') throw error;
    return { kind: 'cut', code, tokens: seen.length };
  }
}

/** `right 4`, `refused no_room` … for comparing. */
export const told = ({ kind, code, tokens }: Outcome): string =>
  kind === 'right' ? `right ${tokens}` : `${kind} ${code}`;

/** Over a connection of its own, which ends with it: none is left when what a process holds is counted. */
function send(question: Question): Promise<IncomingMessage> {
  const { url, key, id, tokens, right, maxTokens = right.length, stream = false, signal, headers } = question;
  const body = JSON.stringify({
    model: 'synthetic', prompt: [...tokens], max_tokens: maxTokens, temperature: 0, ignore_eos: true, return_token_ids: true,
    stream,
  }); // prettier-ignore
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/completions`, {
      method: 'POST',
      agent: false,
      headers: {
        'content-type': 'application/json',
        'x-request-id': id,
        authorization: `Bearer ${key}`,
        ...headers,
      },
      ...(signal === undefined ? {} : { signal }),
    });
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function streamed(response: IncomingMessage, question: Question, seen: number[]): Promise<Outcome> {
  let held = '';
  let ended: Outcome | null = null;
  const decoder = new TextDecoder();
  for await (const bytes of response as AsyncIterable<Buffer>) {
    held += decoder.decode(bytes, { stream: true });
    for (let end = held.indexOf('\n\n'); end >= 0; end = held.indexOf('\n\n')) {
      const data = held.slice(0, end).replace(/^data: /, '');
      held = held.slice(end + 2);
      if (ended !== null) throw wrong(question, `an event after the end (${told(ended)})`);
      ended = event(data, question, seen);
    }
  }
  if (ended === null || held !== '')
    throw wrong(question, `its stream ended without a word after ${seen.length} tokens`);
  return ended;
}

function event(data: string, question: Question, seen: number[]): Outcome | null {
  if (data === '[DONE]') return whole(seen, question);
  const json = JSON.parse(data) as { error?: { code: string } };
  if (json.error === undefined) {
    take(seen, json, question);
    return null;
  }
  documented(json.error.code, question.id);
  return { kind: 'broken', code: json.error.code, tokens: seen.length };
}

function take(seen: number[], body: unknown, question: Question): void {
  const { choices } = body as { choices: { token_ids: number[] }[] };
  for (const id of choices.flatMap(({ token_ids }) => token_ids)) {
    const right = question.right[seen.length] ?? (question.maxTokens === undefined ? -1 : id);
    if (id !== right) throw wrong(question, `token ${seen.length} is ${id}`);
    seen.push(id);
  }
}

function whole(seen: readonly number[], question: Question): Outcome {
  if (seen.length !== question.right.length)
    throw wrong(question, `it ends well after ${seen.length} tokens`);
  return { kind: 'right', code: '', tokens: seen.length };
}

function refused(status: number, { headers }: IncomingMessage, body: string): Outcome {
  const { code } = (JSON.parse(body) as { error: { code: string } }).error;
  const entry = documented(code, String(headers['x-request-id']));
  const expected = [entry.status, entry.retryAfter];
  const got = [status, 'retry-after' in headers];
  if (String(got) !== String(expected))
    throw new Error(`${code}: status and Retry-After ${String(got)}, documented ${String(expected)}`);
  return { kind: 'refused', code, tokens: 0 };
}

function documented(code: string, id: string): ErrorEntry {
  if (!(code in ERRORS)) throw new Error(`${id}: ${code} is no code of docs/errors.md`);
  return new BatonError(code as keyof typeof ERRORS).entry;
}

const wrong = ({ id, right }: Question, what: string): Error =>
  new Error(`WRONG ANSWER to ${id}: ${what}; right is ${right.join(' ')}`);

// The same prompts over a pair and at its decode engine alone, compared by token ids.
import { askAlone, askVllm, type AskOptions, type Asked } from './ask.ts';
import type { LivePair } from './live.ts';
import type { Body } from './prompts.ts';

/** Does the work for each, in order, `workers` at a time; the results in the items' order. */
export async function atATime<T, R>(
  workers: number,
  items: readonly T[],
  work: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const next = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      results[entry[0]] = await work(entry[1], entry[0]);
  };
  await Promise.all(Array.from({ length: workers }, next));
  return results;
}

/** Null: the same answer to the same prompt; else what differs. */
export function difference(what: string, answer: Asked, reference: Asked): string | null {
  if (reference.status !== 200) return `${what}: alone ${reference.status} ${reference.error}`;
  if (answer.status !== 200) return `${what}: ${answer.status} ${answer.error}`;
  const lists = [
    ['prompt', answer.promptIds, reference.promptIds],
    ['answer', answer.tokenIds, reference.tokenIds],
  ] as const;
  for (const [name, got, wanted] of lists) {
    if (wanted.length === 0) return `${what}: the ${name} of D alone has no token`;
    const at = Array.from({ length: Math.max(got.length, wanted.length) }, (_, i) => i).find((i) => got[i] !== wanted[i]); // prettier-ignore
    if (at !== undefined)
      return `${what}: the ${name} differs at token ${at} of ${wanted.length}: [${got.slice(at, at + 8).join()}] instead of [${wanted.slice(at, at + 8).join()}]`;
  }
  return null;
}

/** One prompt through the router and at the decode engine alone: throws when they differ. */
export async function askBoth(pair: LivePair, body: Body, options?: AskOptions): Promise<Asked> {
  const answer = await askVllm(pair.routerUrl, body, options);
  const wrong = difference(options?.id ?? 'the prompt', answer, await askAlone(pair.decode.url, body));
  if (wrong !== null) throw new Error(wrong);
  return answer;
}

/**
 * Prompts whose answer under concurrency is not the one that D alone gave, each with whether the plain engine is of two minds as
 * well: asked the same prompts as many at a time, twice, it answers differently too. Batches of other shapes round differently.
 */
export async function undecided(
  url: string,
  workers: number,
  bodies: readonly Body[],
  differing: readonly number[],
): Promise<Map<number, boolean>> {
  if (differing.length === 0) return new Map();
  const once = (): Promise<Asked[]> => atATime(workers, bodies, (body) => askAlone(url, body));
  const [first, second] = [await once(), await once()];
  return new Map(differing.map((i) => [i, first[i]?.tokenIds.join() !== second[i]?.tokenIds.join()]));
}

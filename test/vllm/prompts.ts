// Prompts of 1 to 3 000 tokens, chats and completions, some with the beginning of an earlier one, the same for one seed.
import { seededRandom } from '#core/random.ts';

export type Body = Readonly<Record<string, unknown>>;

export interface Message {
  role: string;
  content: string;
}

export interface Prompts {
  ids: (count: number) => number[];
  words: (count: number) => string;
  below: (n: number) => number;
}

const WORDS = ['quay', 'grain', 'coal', 'the', 'harbour', 'of', 'north', '3'];
const LENGTH_MAX = 3000;
/** Both sides of a page's, a chunk's and two chunks' end; the longest. */
const EDGES = [1, 2, 31, 32, 33, 255, 256, 257, 511, 512, 513, 1024, LENGTH_MAX];

/**
 * Ids that are no special tokens. Files share the pairs of engines, so that each has seeds of its own: two prompts of one seed begin
 * alike, and chunks of the one are found for the other. The fault tests have those below 4 000.
 */
export function promptSource(seed: number): Prompts {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random.unit() * n);
  return {
    below,
    ids: (count) => Array.from({ length: count }, () => 300 + below(3700)),
    words: (count) => Array.from({ length: count }, () => WORDS[below(WORDS.length)] ?? '').join(' '),
  };
}

/** Of four, two are new, one begins as an earlier one does, one is a chat. */
export function makePrompts(seed: number, count: number): Body[] {
  const source = promptSource(seed);
  const edges = [...EDGES];
  const completions: number[][] = [];
  return Array.from({ length: count }, (_, i) => {
    if (i % 4 === 3) return { messages: chat(source) };
    const earlier = i % 4 === 2 ? (completions[source.below(completions.length)] ?? []) : [];
    const shared = earlier.slice(0, source.below(earlier.length + 1));
    // The edges are of whole prompts: only new ones have them.
    const size = (i % 4 === 2 ? undefined : edges.shift()) ?? 1 + source.below(1500);
    const prompt = [...shared, ...source.ids(size)].slice(0, LENGTH_MAX);
    completions.push(prompt);
    return { prompt };
  });
}

function chat({ below, words }: Prompts): Message[] {
  const messages = [{ role: 'system', content: words(5 + below(60)) }];
  for (let turns = 1 + below(3); turns > 0; turns--) {
    messages.push({ role: 'user', content: words(10 + below(400)) });
    messages.push({ role: 'assistant', content: words(5 + below(80)) });
  }
  return [...messages, { role: 'user', content: words(3 + below(30)) }];
}

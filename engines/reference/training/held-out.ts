// Conversations of the test split as a client has them: what the model is measured and shown with.
import { seededRandom, type Random } from '#core/random.ts';
import { makeStory, wordCount, type Fact, type Turn } from './stories.ts';

export interface HeldOut {
  story: string;
  facts: readonly Fact[];
  /** The last one is what is asked; those before are its conversation. */
  turns: readonly Turn[];
}

export interface HeldOutOptions {
  /** Of the prompt, about: a word or mark is one token. */
  tokens: number;
  facts: number;
  turns: number;
}

/** Marks of a turn and words of its question and answer, about. */
const TURN_TOKENS = 25;

export function heldOut(random: Random, { tokens, facts, turns }: HeldOutOptions): HeldOut {
  const words = tokens - turns * TURN_TOKENS;
  const drawn = makeStory(random, { split: 'test', words, facts, turns });
  return { story: drawn.text, facts: drawn.facts, turns: drawn.turns };
}

/** Prompts of the evaluation: lengths even over the range, 4 to 12 facts, 1 to 3 turns. */
export function heldOutPrompts(
  count: number,
  seed: number,
  [from, to]: readonly [number, number],
): HeldOut[] {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random.unit() * n);
  return Array.from({ length: count }, (_, i) =>
    heldOut(random, {
      tokens: from + Math.floor(((i + 0.5) / count) * (to - from)),
      facts: 4 + below(9),
      turns: 1 + below(3),
    }),
  );
}

export type Message = { role: 'system' | 'user' | 'assistant'; content: string };

/** The messages that ask the last turn's question. */
export function messagesOf({ story, turns }: HeldOut): Message[] {
  return [
    { role: 'system', content: story },
    ...turns.flatMap(({ question, answer }, i): Message[] => [
      { role: 'user', content: question },
      ...(i + 1 < turns.length ? [{ role: 'assistant' as const, content: answer }] : []),
    ]),
  ];
}

/** Tokens of those messages by the tiny model's tokenizer and template. */
export const promptTokens = ({ story, turns }: Pick<HeldOut, 'story' | 'turns'>): number =>
  // <|bos|>, role and end of each message, and the mark that begins the answer.
  2 +
  2 * 2 * turns.length +
  [story, ...turns.flatMap(({ question, answer }) => [question, answer])]
    .slice(0, -1)
    .reduce((sum, text) => sum + wordCount(text), 0);

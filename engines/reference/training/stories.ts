// Stories of who put what where, and questions about them. Each story is drawn from a seed; its split says which combinations
// of words may occur in it: what the test split holds was never trained, though every single word was.
import type { Random } from '#core/random.ts';
import {
  COLOURS,
  CONNECTIVES,
  CONTAINERS,
  FILLERS,
  MOODS,
  NAMES,
  OPENINGS,
  ROOMS,
  THINGS,
  VERBS,
} from './words.ts';

export type Split = 'train' | 'test';

export interface Fact {
  name: string;
  /** 'red key' */
  object: string;
  /** 'kitchen drawer' */
  place: string;
}

export interface Turn {
  question: string;
  answer: string;
}

export interface Story {
  text: string;
  facts: readonly Fact[];
  turns: readonly Turn[];
}

export interface StoryOptions {
  split: Split;
  /** Words and punctuation marks of the story, about. */
  words: number;
  /** Facts in it; fewer where they have no room. */
  facts: number;
  turns: number;
}

/** One in so many combinations, and templates, is the test split's. */
const HELD_OUT = 5;
/** A sentence has at most so many words and marks. */
const SENTENCE_WORDS = 14;
const FACTS_MAX = 48;

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/** Which split a combination (name, object, place) or a template belongs to. */
export const splitOf = (...parts: string[]): Split =>
  hash(parts.join('|')) % HELD_OUT === 0 ? 'test' : 'train';

/** Words and marks: what a tokenizer of words makes of a text. */
export const wordCount = (text: string): number => text.match(/[A-Za-z]+|[^\sA-Za-z]/g)?.length ?? 0;

/** Draws one story; facts are distinct in object and in place, so that every question has one answer. */
export function makeStory(random: Random, options: StoryOptions): Story {
  const below = (n: number): number => Math.floor(random.unit() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const some = <T>(list: readonly T[], count: number): T[] => shuffled([...list], below).slice(0, count);
  const template = drawTemplate(options.split, below);
  const { opening, connectives, verb, fillers } = template;
  const wanted = Math.max(1, Math.min(options.facts, FACTS_MAX, Math.floor(options.words / SENTENCE_WORDS)));
  // Few words for many facts: objects share colours and things, places share rooms and containers.
  const few = Math.max(2, Math.ceil(Math.sqrt(wanted) * 1.3));
  const pools = {
    names: some(NAMES, few), colours: some(COLOURS, few), things: some(THINGS, few), rooms: some(ROOMS, few), containers: some(CONTAINERS, few),
  }; // prettier-ignore
  const facts: Fact[] = [];
  const taken = new Set<string>();
  while (facts.length < wanted) {
    const name = pick(pools.names);
    const object = `${pick(pools.colours)} ${pick(pools.things)}`;
    const place = `${pick(pools.rooms)} ${pick(pools.containers)}`;
    if (taken.has(object) || taken.has(place) || splitOf(name, object, place) !== options.split) continue;
    taken.add(object).add(place);
    facts.push({ name, object, place });
  }
  const sentences = facts.map(({ name, object, place }) => {
    const begin = below(3) === 0 ? `${pick(connectives)} ` : '';
    return `${begin}${name} ${verb[0]} the ${object} in the ${place}.`;
  });
  let words = wordCount(opening) + sentences.reduce((sum, sentence) => sum + wordCount(sentence), 0);
  for (;;) {
    const filler = below(3) === 0 ? `${pick(pools.names)} ${pick(MOODS)}.` : pick(fillers);
    words += wordCount(filler);
    if (words > options.words) break;
    sentences.push(filler);
  }
  const text = [opening, ...shuffled(sentences, below)].join(' ');
  const asked = some(facts, options.turns);
  return { text, facts, turns: asked.map((fact) => turnOf(fact, below(3), verb)) };
}

interface Template {
  opening: string;
  connectives: readonly string[];
  verb: readonly [string, string];
  fillers: readonly string[];
}

function drawTemplate(split: Split, below: (n: number) => number): Template {
  for (;;) {
    const at = [
      below(OPENINGS.length),
      below(CONNECTIVES.length),
      below(VERBS.length),
      below(FILLERS.length),
    ] as const;
    if (splitOf('template', ...at.map(String)) !== split) continue;
    const [opening, connectives, verb, fillers] = [
      OPENINGS[at[0]],
      CONNECTIVES[at[1]],
      VERBS[at[2]],
      FILLERS[at[3]],
    ];
    if (opening && connectives && verb && fillers) return { opening, connectives, verb, fillers };
  }
}

/** The answer says again what was asked about, then what the story knows. */
function turnOf({ name, object, place }: Fact, kind: number, [did, done]: readonly [string, string]): Turn {
  if (kind === 0) return { question: `Where is the ${object}?`, answer: `The ${object} is in the ${place}.` };
  if (kind === 1)
    return {
      question: `Who ${did} the ${object} in the ${place}?`,
      answer: `The ${object} was ${done} there by ${name}.`,
    };
  return { question: `What is in the ${place}?`, answer: `In the ${place} is the ${object}.` };
}

function shuffled<T>(list: T[], below: (n: number) => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}

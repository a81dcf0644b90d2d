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
const FACTS_MAX = COLOURS.length;
/** Ways to ask about a fact. */
const KINDS = 2;

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
  let drawn: { pools: Pools; facts: Fact[] } | null = null;
  while (drawn === null) drawn = drawFacts(options.split, wanted, { below, pick, some });
  const { pools, facts } = drawn;
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
  // A fact is asked about again, in another way, only when all have been.
  const asked = some(facts, facts.length).map((fact) => ({ fact, kind: below(KINDS) }));
  const turns = Array.from({ length: Math.min(options.turns, facts.length * KINDS) }, (_, i) => {
    const { fact, kind } = asked[i % asked.length] as (typeof asked)[number];
    return turnOf(fact, (kind + Math.floor(i / asked.length)) % KINDS, verb);
  });
  return { text, facts, turns };
}

interface Pools {
  names: string[];
  colours: string[];
  things: string[];
  rooms: string[];
  containers: string[];
}

interface Draws {
  below: (n: number) => number;
  pick: <T>(list: readonly T[]) => T;
  some: <T>(list: readonly T[], count: number) => T[];
}

/** Draws for one fact, on average. */
const DRAWS_MAX = 100;

/** Facts distinct in object and place; null when these words have too few combinations of the split. */
function drawFacts(
  split: Split,
  wanted: number,
  { pick, some }: Draws,
): { pools: Pools; facts: Fact[] } | null {
  // No more words than facts: things, rooms and containers are shared. Every object has a colour of its own, which alone says which
  // is meant.
  const few = Math.max(2, wanted);
  const pools = {
    names: some(NAMES, few), colours: some(COLOURS, few), things: some(THINGS, few), rooms: some(ROOMS, few), containers: some(CONTAINERS, few),
  }; // prettier-ignore
  const facts: Fact[] = [];
  const taken = new Set<string>();
  for (let draws = 0; facts.length < wanted; draws++) {
    if (draws === wanted * DRAWS_MAX) return null;
    const name = pick(pools.names);
    const colour = pick(pools.colours);
    const object = `${colour} ${pick(pools.things)}`;
    const place = `${pick(pools.rooms)} ${pick(pools.containers)}`;
    if (taken.has(colour) || taken.has(place) || splitOf(name, object, place) !== split) continue;
    taken.add(colour).add(place);
    facts.push({ name, object, place });
  }
  return { pools, facts };
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
function turnOf({ name, object, place }: Fact, kind: number, [, did]: readonly [string, string]): Turn {
  const question = kind === 0 ? `Where is the ${object}?` : `Where did ${name} ${did} the ${object}?`;
  return { question, answer: `The ${object} is in the ${place}.` };
}

function shuffled<T>(list: T[], below: (n: number) => number): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
}

import { describe, expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';
import { heldOutPrompts } from '#engines/reference/training/held-out.ts';
import {
  makeStory,
  splitOf,
  wordCount,
  type Split,
  type Story,
} from '#engines/reference/training/stories.ts';

const stories = (split: Split, count: number, seed = 1): Story[] => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) =>
    makeStory(random, { split, words: 40 + i * 10, facts: 3 + (i % 30), turns: 4 }),
  );
};
const words = (all: readonly Story[]): Set<string> =>
  new Set(
    all.flatMap(({ text, turns }) =>
      [text, ...turns.flatMap(({ question, answer }) => [question, answer])].join(' ').match(/[A-Za-z]+/g),
    ) as string[],
  );

describe('stories', () => {
  test('are the same from the same seed', () => {
    expect(stories('train', 5)).toEqual(stories('train', 5));
    expect(stories('train', 5)).not.toEqual(stories('train', 5, 2));
  });

  test('tell every fact once, and no two facts share a colour or a place', () => {
    for (const { text, facts } of stories('train', 60)) {
      expect(new Set(facts.map(({ object }) => object.split(' ')[0])).size).toBe(facts.length);
      expect(new Set(facts.map(({ place }) => place)).size).toBe(facts.length);
      for (const { name, object, place } of facts)
        expect(text.split(new RegExp(`\\b${name} \\w+ the ${object} in the ${place}\\.`)).length).toBe(2);
    }
  });

  test('have about the words that were asked for', () => {
    for (const [i, { text }] of stories('test', 60).entries()) {
      expect(wordCount(text)).toBeLessThanOrEqual(Math.max(40 + i * 10, 28));
      expect(wordCount(text)).toBeGreaterThan((40 + i * 10) * 0.7);
    }
  });

  test('are asked about facts of theirs, and answered in their words', () => {
    for (const { facts, turns } of stories('test', 60))
      for (const { question, answer } of turns) {
        const asked = facts.filter(({ object }) => question.includes(`the ${object}?`));
        expect(asked).toHaveLength(1);
        const [{ object, place } = { object: '', place: '' }] = asked;
        expect(answer).toBe(`The ${object} is in the ${place}.`);
      }
  });
});

describe('the test split', () => {
  test('holds combinations that training never has, of words that training has', () => {
    const [train, held] = [stories('train', 300), stories('test', 100)];
    const combinations = (all: readonly Story[]): string[] =>
      all.flatMap(({ facts }) => facts.map(({ name, object, place }) => `${name}|${object}|${place}`));
    for (const one of combinations(train)) expect(splitOf(...one.split('|'))).toBe('train');
    for (const one of combinations(held)) expect(splitOf(...one.split('|'))).toBe('test');
    const known = words(train);
    expect([...words(held)].filter((word) => !known.has(word))).toEqual([]);
  });

  test('gives a guesser who knows all but the story less than 15 %', () => {
    const counts = new Map<string, number>();
    for (const { facts } of stories('train', 100))
      for (const { place } of facts) counts.set(place, (counts.get(place) ?? 0) + 1);
    const [guess = ''] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
    const prompts = heldOutPrompts(500, 1, [200, 2000]);
    const rights = prompts.map(({ turns }) => turns.at(-1)?.answer.endsWith(` in the ${guess}.`) ?? false);
    // Even one who is told the story's places, though not what is where.
    const informed = prompts.reduce((sum, { facts }) => sum + 1 / facts.length, 0) / prompts.length;
    console.log(`guessed: ${rights.filter(Boolean).length} of 500; told the places: ${informed.toFixed(3)}`);
    expect(rights.filter(Boolean).length / prompts.length).toBeLessThan(0.15);
    expect(informed).toBeLessThan(0.15);
  });
});

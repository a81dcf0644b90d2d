// Conversations about stories as JSON lines: node engines/reference/training/main.ts --split train|test --count N --seed S
//   [--words MIN-MAX] [--facts MIN-MAX] [--turns MIN-MAX]
import { parseArgs } from 'node:util';
import { seededRandom } from '#core/random.ts';
import { makeStory, type Split } from './stories.ts';

const { values } = parseArgs({
  options: {
    split: { type: 'string', default: 'train' },
    count: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    words: { type: 'string', default: '60-200' },
    facts: { type: 'string', default: '2-12' },
    turns: { type: 'string', default: '1-4' },
  },
});
const random = seededRandom(Number(values.seed));
const range = (text: string): (() => number) => {
  const [low = NaN, high = low] = text.split('-').map(Number);
  return () => low + Math.floor(random.unit() * (high - low + 1));
};
const [words, facts, turns] = [range(values.words), range(values.facts), range(values.turns)];

// A reader that closes the pipe has enough.
process.stdout.on('error', () => process.exit(0));

for (let i = 0; i < Number(values.count); i++) {
  const story = makeStory(random, {
    split: values.split as Split,
    words: words(),
    facts: facts(),
    turns: turns(),
  });
  const line = JSON.stringify({
    story: story.text,
    turns: story.turns.map(({ question, answer }) => [question, answer]),
  });
  if (!process.stdout.write(`${line}\n`))
    await new Promise((resolve) => process.stdout.once('drain', resolve));
}

// A real model, small: only with `npm run test:vllm -- --full`. What it says over two engines is what it says on one.
import { beforeAll, expect, it } from 'vitest';
import { checking } from './checked.ts';
import { countingFailures } from './counters.ts';
import { describePair, type PairName } from './live.ts';
import { askBoth } from './passes.ts';

const QUESTION = [{ role: 'user', content: 'What is the capital of France?' }];
/** Less than 200 tokens, more than four pages. */
const TEXT = `The harbour of a small town has three quays. ${[
  'The north quay takes grain, which comes by rail from the plain and leaves in ships of two thousand tons.',
  'The south quay takes coal. It is older, and its cranes were built when ships were smaller.',
  'Between them lies the fish quay, where boats land their catch before dawn and the market is over by eight.',
  'A pilot meets every ship that draws more than four metres, because the bar shifts with each winter storm.',
  'In summer the ferry calls twice a day, at seven in the morning and at six in the evening, and waits half an hour for the train.',
].join(' ')} Seen from the tower, the quay that is nearest to the market is`;

const PAIRS: readonly [PairName, string][] = [
  ['small-baton', 'Baton'],
  ['small-nixl', 'NIXL'],
];

for (const [name, dialect] of PAIRS) {
  describePair(name, `SmolLM2-135M-Instruct over ${dialect}`, (pair) => {
    let bytes: ReturnType<typeof checking> | null = null;
    let failures: () => Promise<string[]>;

    beforeAll(async () => {
      failures = await countingFailures([pair.decode.url]);
      if (name === 'small-baton') bytes = checking(pair);
    });

    it('answers a chat turn as one engine does, and knows the capital of France', async () => {
      const { text } = await askBoth(pair, { messages: QUESTION }, { id: 'chat' });
      expect(text).toContain('Paris');
    });

    it('completes a text as one engine does', async () => {
      const { promptTokens, text } = await askBoth(pair, { prompt: TEXT }, { id: 'completion' });
      console.log(`${dialect}: ${promptTokens} tokens, …${TEXT.slice(-40)}${text}`);
      expect(promptTokens).toBeGreaterThan(128);
      expect(promptTokens).toBeLessThanOrEqual(200);
      if (bytes === null) return;
      const { wrong, loaded, stripes } = await bytes();
      expect(wrong).toEqual([]);
      // A tail of each prompt, 30 layers of 3 heads.
      expect({ loaded, stripes }).toEqual({ loaded: 2, stripes: 2 * 90 });
      expect(await failures()).toEqual([]);
    });
  });
}

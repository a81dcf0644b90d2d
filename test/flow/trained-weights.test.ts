// The trained weights in the engine: it answers token for token what PyTorch, which trained them, answered when they were written
// (engines/reference/training/export.py).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '#core/settings.ts';
import { runEngine, type RunningEngine } from '#engines/reference/main.ts';
import { complete } from '../support/complete.ts';

const oracle = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/trained-answers.json'), 'utf8'),
) as { prompt: number[]; answer: number[] }[];
let engine: RunningEngine;

beforeAll(async () => {
  engine = await runEngine(settings.parse({ engine: { port: 0 } }).engine);
});
afterAll(() => engine.close());

test.each(oracle.map(({ prompt, answer }) => ({ tokens: prompt.length, prompt, answer })))(
  'a prompt of $tokens tokens gets the tokens that PyTorch gave',
  async ({ prompt, answer }) => {
    const asked = await complete({
      url: engine.url,
      id: `oracle-${prompt.length}`,
      tokens: Uint32Array.from(prompt),
      answerTokens: answer.length,
      model: 'tiny',
      headers: {},
      extra: {},
    });
    expect(asked.error).toBe('');
    expect(asked.tokenIds).toEqual(answer);
  },
);

// What fuzzing once found, and what it begins with, through every target (docs/fuzzing.md).
import { describe, expect, test } from 'vitest';
import { readCorpus } from '#test/fuzz/corpus.ts';
import { TARGETS } from '#test/fuzz/targets.ts';

describe.each(TARGETS.map((target) => [target.name, target] as const))('the corpus of %s', (name, target) => {
  const corpus = readCorpus(name);

  test.each(corpus.map((input) => [input.name, input.bytes] as const))('holds: %s', (_, bytes) => {
    expect(bytes.length).toBeLessThanOrEqual(target.bytesMax);
    target.run(bytes);
  });

  test('is there', () => {
    expect(corpus.length).toBeGreaterThan(0);
  });
});

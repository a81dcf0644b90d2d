import { expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';

test('one seed gives one sequence, another seed another', () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => random.unit());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('draws stay inside [0, 1) and fill it', () => {
  const random = seededRandom(1);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const at = Math.floor(random.unit() * 10);
    tenths[at] = (tenths[at] ?? 0) + 1;
  }
  expect(tenths.length).toBe(10);
  for (const count of tenths) expect(count).toBeGreaterThan(800);
});

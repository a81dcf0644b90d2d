import { expect, test } from 'vitest';
import { sources } from './sources.ts';

const WALL_CLOCK =
  /\bDate\.now\(|\bnew Date\b|\bperformance\.timeOrigin\b|\bCLOCK_REALTIME\b|\bsystem_clock\b|\bgettimeofday\b|\btime\.time\(|\bdatetime\b/;
const product = /^(core|router|transfer|engines|cli|native\/src)\//;
/** Where people are told when something was. */
const TELLS_PEOPLE = ['engines/reference/api/answer.ts'];

test('[clock-jump] nothing of the product reads the wall clock but to tell people the time', () => {
  const readers = sources(['.ts', '.cc', '.h', '.py'])
    .filter(({ path }) => product.test(path) && !/\/tests?\//.test(path))
    .filter(({ text }) => WALL_CLOCK.test(text))
    .map(({ path }) => path);
  expect(readers).toEqual(TELLS_PEOPLE);
});

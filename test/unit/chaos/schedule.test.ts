import { expect, test } from 'vitest';
import { seededRandom } from '#core/random.ts';
import { lifeOf } from '#test/chaos/memory.ts';
import { scheduleOf } from '#test/chaos/schedule.ts';

const targets = {
  processes: ['router', 'a', 'b', 'prefill-0'],
  links: ['lane a', 'control b', 'http prefill-0'],
};
const MINUTE = 60_000;
const schedule = (seed: number, minutes = 20) =>
  scheduleOf(seededRandom(seed), targets, 10_000, minutes * MINUTE);

test('a seed says what is done to whom and when, all of it', () => {
  expect(schedule(1)).toEqual(schedule(1));
  expect(schedule(1)).not.toEqual(schedule(2));
  // A shorter run is the beginning of a longer one.
  const short = schedule(1, 5);
  expect(schedule(1).slice(0, short.length)).toEqual(short);
});

test('twenty minutes hold every kind, for every target, in order, and nothing twice at a time', () => {
  const blows = schedule(3);
  expect(new Set(blows.map(({ kind }) => kind))).toEqual(new Set(['kill', 'stop', 'cut', 'hold']));
  expect(new Set(blows.map(({ target }) => target))).toEqual(new Set([...targets.processes, ...targets.links])); // prettier-ignore
  const until = new Map<string, number>();
  let last = 0;
  for (const blow of blows) {
    expect(blow.atMs).toBeGreaterThanOrEqual(Math.max(last, until.get(blow.target) ?? 0));
    last = blow.atMs;
    if (blow.kind !== 'cut') until.set(blow.target, blow.atMs + blow.lastsMs);
  }
  expect(last).toBeLessThan(20 * MINUTE);
});

test('memory that grows after the warm-up is told from a warm-up and from a saw', () => {
  const life = (mib: (second: number) => number, seconds = 600) =>
    lifeOf(Array.from({ length: seconds / 5 }, (_, i) => ({ at: i * 5, bytes: mib(i * 5) * 2 ** 20 })));
  expect(life((s) => 100 + s * 0.1)).toMatchObject({ slope: 6, flat: false });
  expect(life((s) => 100 + Math.min(s, 50) * 2)).toMatchObject({ slope: 0, flat: true });
  expect(life((s) => 100 + (s % 60))?.flat).toBe(true);
  expect(life((s) => 100 + s * 0.1, 150)).toBeNull();
  // Of a process that is ending the kernel tells no memory.
  expect(life((s) => (s === 595 ? NaN : 100))).toMatchObject({ toMiB: 100, slope: 0, flat: true });
});

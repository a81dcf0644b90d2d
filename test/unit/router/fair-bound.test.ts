import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '#core/clock.ts';
import { FairBound } from '#router/fair-bound.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';

let now = 0;
const clock: Clock = { now: () => now, after: () => ({ cancel: () => undefined }) };
const bound = (size: number): FairBound => {
  now = 0;
  return new FairBound(size, clock);
};
/** Takes one by one until refused. */
const fill = (shared: FairBound, tenant: string): number => {
  let taken = 0;
  while (shared.take(tenant, 1)) taken++;
  return taken;
};

describe('a bound shared by tenants', () => {
  test('is never exceeded, and ends at nothing when all is given back', () => {
    const step = fc.tuple(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 9000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const shared = bound(20);
        const held: [string, number][] = [];
        for (const [tenant, amount, gives, passed] of steps) {
          now += passed;
          const oldest = gives ? held.shift() : undefined;
          if (oldest !== undefined) shared.give(...oldest);
          else if (shared.take(tenant, amount)) held.push([tenant, amount]);
          const sum = held.reduce((all, [, one]) => all + one, 0);
          expect(shared.used).toBe(sum);
          expect(sum).toBeLessThanOrEqual(20);
        }
        for (const one of held) shared.give(...one);
        expect(shared.used).toBe(0);
      }),
      { seed: 7 },
    );
  });

  test('is all of a tenant that is alone', () => {
    expect(fill(bound(10), 'a')).toBe(10);
  });

  test('keeps for another what it lately had, up to an equal share', () => {
    const shared = bound(10);
    expect(fill(shared, 'b')).toBe(10);
    for (let i = 0; i < 10; i++) shared.give('b', 1);
    expect(fill(shared, 'a')).toBe(5);
    expect(fill(shared, 'b')).toBe(5);
  });

  test('keeps no more than was asked for', () => {
    const shared = bound(10);
    shared.take('b', 1);
    shared.give('b', 1);
    expect(fill(shared, 'a')).toBe(9);
  });

  test('keeps nothing for a tenant that has not been about for two windows', () => {
    const shared = bound(10);
    fill(shared, 'b');
    for (let i = 0; i < 10; i++) shared.give('b', 1);
    now += 2 * ROUTER_LIMITS.shareWindowMs;
    expect(fill(shared, 'a')).toBe(10);
  });

  test('comes to equal shares while a newcomer asks and the one before gives back', () => {
    const shared = bound(10);
    expect(fill(shared, 'a')).toBe(10);
    const held = { a: 10, b: 0 };
    for (let turn = 0; turn < 20; turn++) {
      now += 100;
      if (shared.take('b', 1)) held.b++;
      shared.give('a', 1);
      held.a--;
      if (shared.take('a', 1)) held.a++;
      if (held.b < 5) continue;
      break;
    }
    expect(held.b).toBe(5);
  });
});

describe('the time to wait', () => {
  test('follows the pace at which is given back', () => {
    const shared = bound(10);
    fill(shared, 'a');
    now = ROUTER_LIMITS.shareWindowMs / 2;
    for (let i = 0; i < 3; i++) {
      shared.give('a', 1);
      shared.take('a', 1);
    }
    // Three in one and a half windows; four more are wanted.
    expect(shared.waitSeconds('a', 4)).toBe(Math.ceil((4 / 3) * 1.5 * (ROUTER_LIMITS.shareWindowMs / 1000)));
  });

  test('is a window where nothing is given back, and bounded where little is', () => {
    const shared = bound(10);
    fill(shared, 'a');
    expect(shared.waitSeconds('a', 1)).toBe(ROUTER_LIMITS.shareWindowMs / 1000);
    shared.give('a', 1);
    shared.take('a', 1);
    now = ROUTER_LIMITS.shareWindowMs - 1;
    expect(shared.waitSeconds('a', 10)).toBe(ROUTER_LIMITS.retryAfterMaxSeconds);
  });
});

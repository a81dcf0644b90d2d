import { describe, expect, test } from 'vitest';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { Model } from '#router/models.ts';

const { keyMismatchesMax, renderingOffMinMs, renderingOffMaxMs } = ROUTER_LIMITS;

function setup(): { model: Model; clock: { now: () => number; pass: (ms: number) => void } } {
  let now = 1000;
  const clock = { now: () => now, pass: (ms: number) => (now += ms) };
  return { model: new Model('m', 1000, [], null, clock), clock };
}

describe('rendering of a model', () => {
  test('goes off after mismatches in a row, not after as many with a match between', () => {
    const { model } = setup();
    for (let i = 1; i < keyMismatchesMax; i++) model.sawMismatch();
    model.sawMatch();
    for (let i = 1; i < keyMismatchesMax; i++) model.sawMismatch();
    expect(model.renderingOff).toBe(false);
    model.sawMismatch();
    expect(model.renderingOff).toBe(true);
  });

  test('is tried again after a while, and off at once for twice as long when it mismatches still, up to a bound', () => {
    const { model, clock } = setup();
    for (let i = 0; i < keyMismatchesMax; i++) model.sawMismatch();
    for (let ms: number = renderingOffMinMs; ms <= 4 * renderingOffMaxMs; ms *= 2) {
      const bounded = Math.min(ms, renderingOffMaxMs);
      clock.pass(bounded - 1);
      expect(model.renderingOff).toBe(true);
      clock.pass(1);
      expect(model.renderingOff).toBe(false);
      model.sawMismatch();
      expect(model.renderingOff).toBe(true);
    }
  });

  test('stays on after a match in its trial', () => {
    const { model, clock } = setup();
    for (let i = 0; i < keyMismatchesMax; i++) model.sawMismatch();
    clock.pass(renderingOffMinMs);
    model.sawMatch();
    for (let i = 1; i < keyMismatchesMax; i++) model.sawMismatch();
    expect(model.renderingOff).toBe(false);
    model.sawMismatch();
    clock.pass(renderingOffMinMs);
    expect(model.renderingOff).toBe(false);
  });

  test('is not off for longer by requests that were under way when it went off', () => {
    const { model, clock } = setup();
    for (let i = 0; i < 5 * keyMismatchesMax; i++) model.sawMismatch();
    clock.pass(renderingOffMinMs);
    expect(model.renderingOff).toBe(false);
  });
});

import { describe, expect, test } from 'vitest';
import { drawTimeline, exposedMs, transferMs, type LayerTimes } from '#cli/demo/timeline.ts';

const layer = (computed: number, out: number, landed: number, scattered: number): LayerTimes => ({
  computedFirst: computed, computed, out, landed, scattered,
}); // prettier-ignore

describe('timeline', () => {
  const layers = [layer(0, 1, 3, 40), layer(10, 11, 13, 41), layer(20, 21, 25, 42)];
  test('exposed time is from the last computed layer to the last landed one', () => {
    expect(exposedMs(layers)).toBe(5);
    expect(transferMs(layers)).toBe(24);
  });
  test('a layer without stamps leaves its row empty and is not guessed', () => {
    const none: LayerTimes = {
      computedFirst: null,
      computed: null,
      out: null,
      landed: null,
      scattered: null,
    };
    const lines = drawTimeline([layers[0] ?? none, none]);
    expect(lines[2]?.trim()).toBe('1');
    expect(exposedMs([none])).toBeNull();
  });
  test('later layers start further right', () => {
    const at = drawTimeline(layers)
      .slice(1, 4)
      .map((line) => line.indexOf('C'));
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(new Set(at).size).toBe(3);
  });
  test('nothing stamped says that nothing crossed', () => {
    expect(drawTimeline([])).toEqual(['  (nothing crossed a lane)']);
  });
});

import { describe, expect, test } from 'vitest';
import { spansOf, tickText, ticksOf } from '../../../../../router/ui/page/timeline-scale.js';

const layer = (...times: (number | null)[]) => {
  const [computed_first_ms = null, computed_ms = null, out_ms = null, landed_ms = null, scattered_ms = null] =
    times;
  return { computed_first_ms, computed_ms, out_ms, landed_ms, scattered_ms };
};

describe('the timeline of a handoff', () => {
  test('has a bar for each layer’s computing, its bytes on the wire, and its wait until it is scattered', () => {
    expect(spansOf([layer(0, 10, 2, 12, 30), layer(5, 20, 6, 21, 31)])).toEqual({
      rows: [
        { compute: [0, 10], wire: [2, 12], wait: [12, 30], scattered: 30 },
        { compute: [5, 20], wire: [6, 21], wait: [21, 31], scattered: 31 },
      ],
      end: 31,
      computed: 20,
      landed: 21,
      exposed: [20, 21],
    });
  });

  test('shows nothing as exposed where all had landed before the last layer was computed', () => {
    expect(spansOf([layer(0, 10, 2, 12, 30), layer(5, 20, 6, 20, 31)])).toMatchObject({ exposed: null });
  });

  test('leaves out a bar whose begin or end was never stamped', () => {
    expect(spansOf([layer(0, 10, 2, null, null)])).toMatchObject({
      rows: [{ compute: [0, 10], wire: null, wait: null, scattered: null }],
      landed: null,
      exposed: null,
    });
  });

  test('is none where nothing was stamped', () => {
    expect(spansOf([layer(), layer()])).toBeNull();
    expect(spansOf([])).toBeNull();
  });
});

test('the axis has round times, the first of them 0 and none beyond the end', () => {
  expect(ticksOf(493, 5)).toEqual([0, 100, 200, 300, 400]);
  expect(ticksOf(10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
  expect(ticksOf(0.9, 4)).toEqual([0, 0.5]);
  expect(ticksOf(0, 4)).toEqual([0]);
});

test('the times of an axis are as exact as its steps', () => {
  const texts = (end: number): string[] => ticksOf(end, 4).map((time, _, ticks) => tickText(time, ticks));
  expect(texts(0.19)).toEqual(['0', '0.05 ms', '0.1 ms', '0.15 ms']);
  expect(texts(493)).toEqual(['0', '200 ms', '400 ms']);
  expect(texts(8200)).toEqual(['0', '5 s']);
});

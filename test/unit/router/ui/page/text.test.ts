// What the page makes of numbers, and of an answer's pieces.
import { describe, expect, test } from 'vitest';
import * as format from '../../../../../router/ui/page/format.js';
import { EventReader } from '../../../../../router/ui/page/sse.js';

describe('numbers', () => {
  test.each([
    [null, '–'], [0, '0 ms'], [0.04, '0.04 ms'], [3.26, '3.3 ms'], [123.4, '123 ms'], [1234, '1.23 s'], [59_000, '59.0 s'],
  ])('%s ms is shown as %s', (value, text) => {
    expect(format.ms(value)).toBe(text);
  }); // prettier-ignore

  test.each([
    [null, '–'], [0, '0 B'], [1023, '1023 B'], [1536, '1.5 KiB'], [123 * 1024, '123 KiB'], [5 << 20, '5.0 MiB'],
  ])('%s bytes are shown as %s', (value, text) => {
    expect(format.bytes(value)).toBe(text);
  }); // prettier-ignore

  test('a count has spaces between its thousands, a share of nothing is none', () => {
    expect([0, 999, 1000, 65_536, 4_000_000].map(format.count)).toEqual(['0', '999', '1 000', '65 536', '4 000 000']); // prettier-ignore
    expect([format.percent(1, 3), format.percent(0, 0)]).toEqual(['33 %', '–']);
  });

  test('a long name keeps its two ends', () => {
    expect(format.short('0123456789abcdef', 9)).toBe('0123…cdef');
    expect(format.short('0123', 9)).toBe('0123');
  });
});

test('the events of an answer are the same in whatever pieces it comes', () => {
  const text = 'data: {"a":1}\n\n: a comment\n\ndata: one\ndata: two\r\n\r\ndata:[DONE]\n\ndata: cut';
  for (let size = 1; size <= text.length; size++) {
    const reader = new EventReader();
    const events: string[] = [];
    for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)));
    expect(events).toEqual(['{"a":1}', 'one\ntwo', '[DONE]']);
  }
});

import { describe, expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import { errorEventStart, eventEnd, FirstEventReader, StreamEnd } from '#router/api/sse.ts';

const read = (...chunks: string[]) => {
  const reader = new FirstEventReader();
  return chunks.map((chunk) => reader.push(Buffer.from(chunk))).at(-1);
};

describe('the first event', () => {
  test('is good when it carries a choice, with all bytes so far', () => {
    expect(read('data: {"choices":[]}\n\ndata: x')).toEqual({
      kind: 'good',
      bytes: Buffer.from('data: {"choices":[]}\n\ndata: x'),
    });
  });

  test('is waited for over chunks, comments and both kinds of line ends', () => {
    expect(read(': ping\n\n')).toEqual({ kind: 'more' });
    expect(read(': ping\r\n\r\nda', 'ta: {"choices"', ':[]}\r\n\r\n')).toMatchObject({ kind: 'good' });
  });

  test('is an error by its own error object only', () => {
    expect(read('data: {"error":{"code":429}}\n\n')).toMatchObject({ kind: 'error', status: 429 });
    expect(read('data: {"error":{"code":"x"}}\n\n')).toMatchObject({ kind: 'error', status: 500 });
    expect(read('event: error\ndata: {"error":{"message":"x"}}\n\n')).toMatchObject({ kind: 'error' });
    expect(read('data: {"choices":[{"text":"\\"error\\" and "}],"error":null}\n\n')).toMatchObject({
      kind: 'good',
    });
    expect(read('data: "error" {\n\n')).toMatchObject({ kind: 'good' });
  });

  test('is bounded', () => {
    expect(read(`data: ${'x'.repeat(LIMITS.firstEventBytesMax)}`)).toEqual({ kind: 'too_long' });
  });
});

test('an error event in a chunk is found with its end; the same words inside a text are not', () => {
  const chunk = Buffer.from('data: {"a":1}\n\ndata: {"error":1}\n\ndata: [DONE]\n\n');
  const start = errorEventStart(chunk);
  expect([start, eventEnd(chunk, start)]).toEqual([15, 34]);
  expect(errorEventStart(Buffer.from(`data: ${JSON.stringify({ text: 'data: {"error":1}\n\n' })}\n\n`))).toBe(
    -1,
  );
});

test('a stream has ended well when [DONE] stands in its last chunks, even cut in two', () => {
  const end = new StreamEnd();
  expect(end.done).toBe(false);
  end.seen(Buffer.from('data: {}\n\ndata: [D'));
  expect(end.done).toBe(false);
  end.seen(Buffer.from('ONE]\n\n'));
  expect(end.done).toBe(true);
});

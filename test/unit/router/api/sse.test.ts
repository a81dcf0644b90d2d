import { describe, expect, test } from 'vitest';
import { LIMITS } from '#core/limits.ts';
import { EventWatch, FirstEventReader } from '#router/api/sse.ts';

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

describe('an error event later in the stream', () => {
  const before = 'data: {"choices":[{"text":"a \\"error\\": b"}],"error":null}\n\n';
  const text = `data: ${JSON.stringify({ text: 'data: {"error":1}\n\n' })}\n\n`;
  const after = 'data: [DONE]\n\n';
  const errors = [
    'data: {"error":{"code":500}}\n\n',
    'data:{"error":1}\n\n',
    'data:   {  "error"  :  {"a":1} }\n\n',
    'event: error\ndata: {"id":"x","error":{"a":"b"}}\n\n',
    ': note\r\ndata: {\r\ndata: "error":\r\ndata: 1}\r\n\r\n',
  ];

  /** What goes to the client of a stream that comes in these pieces, and whether the error was seen. */
  const relayed = (pieces: readonly string[]): { out: string; seen: boolean } => {
    const watch = new EventWatch();
    let out = '';
    for (const piece of pieces) {
      const { bytes, inError } = watch.push(Buffer.from(piece));
      out += bytes.toString();
      if (inError) return { out, seen: true };
    }
    return { out: out + watch.rest.toString(), seen: watch.inError };
  };

  test.each(errors)('is found wherever it is cut, and is the last: %j', (error) => {
    const stream = before + text + error + after;
    const upTo = before + text + error;
    for (let i = 0; i <= stream.length; i++) {
      for (const j of [i, i + 1, i + 3, stream.length]) {
        const pieces = [stream.slice(0, i), stream.slice(i, j), stream.slice(j)].filter(
          (piece) => piece !== '',
        );
        expect(relayed(pieces)).toEqual({ out: upTo, seen: true });
      }
    }
    expect(relayed(Array.from(stream))).toEqual({ out: upTo, seen: true });
  });

  test('is found too when the stream ends within its last line end', () => {
    expect(relayed([before, 'data: {"err', 'or":{"code":1}}'])).toMatchObject({ seen: true });
    expect(relayed([before, 'data: {"err', 'or":{"co'])).toMatchObject({ seen: false });
  });

  test('is not what other events say', () => {
    for (const stream of [
      before + text + after,
      'data: "error" {\n\n',
      ': {"error":1}\n\n',
      'data: {"error":null}\n\n',
    ]) {
      expect(relayed([stream])).toEqual({ out: stream, seen: false });
      expect(relayed(Array.from(stream))).toEqual({ out: stream, seen: false });
    }
  });

  test('an event without an end is not kept beyond the bound', () => {
    const watch = new EventWatch();
    const piece = Buffer.alloc(LIMITS.firstEventBytesMax, 'x');
    let passed = 0;
    for (let i = 0; i < 4; i++) passed += watch.push(piece).bytes.length;
    expect(watch.heldBytes).toBeLessThanOrEqual(LIMITS.firstEventBytesMax);
    const last = watch.push(Buffer.from('\n\ndata: {"error":1}\n\n'));
    expect(last.inError).toBe(true);
    expect(passed + last.bytes.length).toBe(4 * piece.length + 21);
  });
});

test.each([
  [['data: {}\n\ndata: [D', 'ONE]\n\n'], true],
  [['data: {}\n\n', 'data:[DONE]\r\n\r\n'], true],
  [['data: [DONE]'], true],
  [['data: {}\n\n', 'data: [DONE]\n\n', ': bye\n\n'], true],
  [['data: {}\n\ndata: [D'], false],
  [Array.from('data: {}\n\ndata: [DONE]\n\n'), true],
  [Array.from('data: {}\n\ndata: [DONE]\r\n: bye\r\n\r\n'), true],
  [['data: {"text":"', 'data: [DONE]'], false],
  [[`data: {}\n\ndata: [DONE]${'\n'.repeat(500)}x`], false],
  [['data: {}\n\n', `data: ${JSON.stringify({ text: 'data: [DONE]' })}\n\n`], false],
])('a stream ends well by [DONE] as an event of its own: %j', (pieces, done) => {
  const watch = new EventWatch();
  for (const piece of pieces) watch.push(Buffer.from(piece));
  expect(watch.done).toBe(done);
});

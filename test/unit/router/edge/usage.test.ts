import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Downstream } from '#router/edge/contract.ts';
import { CachedTokens, ReportedUsage } from '#router/edge/usage.ts';

function replaced(text: string, tokens: number, cuts: readonly number[]): string {
  const bytes = Buffer.from(text);
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const counter = new CachedTokens(tokens);
  const out: Buffer[] = [];
  let from = 0;
  for (const cut of [...at, bytes.length]) {
    out.push(counter.push(bytes.subarray(from, cut)));
    from = cut;
  }
  return Buffer.concat([...out, counter.rest()]).toString();
}

const piece = fc.oneof(
  fc.constantFrom('"cached_tokens":', '"cached_tokens": 695', '"cached_tokens":7}', '"cached_tok', '"', '\\"cached_tokens\\":5', 'data: {"x":1}\n\n'),
  fc.string({ maxLength: 5 }),
); // prettier-ignore

describe('cached tokens', () => {
  test('are replaced wherever the pieces of an answer are cut', () => {
    const answer = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(answer, fc.array(fc.nat(400)), fc.nat(100_000), (text, cuts, tokens) => {
        const expected = text.replace(/("cached_tokens": *)\d+(?!\d)/g, `$1${tokens}`);
        // A number at the very end is not known to be whole: it stays.
        const whole = /"cached_tokens": *\d+$/.test(text) ? `${text} ` : text;
        const wanted = whole === text ? expected : whole.replace(/("cached_tokens": *)\d+/g, `$1${tokens}`);
        expect(replaced(whole, tokens, cuts)).toBe(wanted);
      }),
      { numRuns: 1000 },
    );
  });

  test('in a text are left alone: its quotes are escaped', () => {
    const text = JSON.stringify({ text: '"cached_tokens":5', usage: { cached_tokens: 6 } });
    expect(replaced(text, 70, [3, 20])).toBe(text.replace(':6}', ':70}'));
  });
});

test('the length of a whole answer follows its digits, a stream keeps its head', () => {
  const told: unknown[] = [];
  const to: Downstream = {
    headersSent: false,
    head: (status, headers) => told.push(['head', status, headers]),
    write: (chunk) => told.push(['write', String(chunk)]) > 0,
    onDrain: () => undefined,
    end: (chunk = '') => told.push(['end', String(chunk)]),
    destroy: () => undefined,
    onLeave: () => undefined,
  };
  const whole = new ReportedUsage(to, 1234);
  whole.head(200, ['content-length', '19']);
  expect([whole.headersSent, told]).toEqual([true, []]);
  whole.end('{"cached_tokens":0}');
  expect(told).toEqual([
    ['head', 200, ['content-length', '22']],
    ['end', '{"cached_tokens":1234}'],
  ]);
  told.length = 0;
  const stream = new ReportedUsage(to, 1);
  stream.head(200, ['content-type', 'text/event-stream']);
  stream.write(Buffer.from('data: {"usage":{"cached_tok'));
  expect(stream.write('ens":99')).toBe(true);
  stream.end('9}}\n\n');
  expect(told.map((item) => (item as unknown[])[0])).toEqual(['head', 'write', 'end']);
  expect(told.at(-1)).toEqual(['end', '"cached_tokens":1}}\n\n']);
});

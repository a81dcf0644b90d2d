import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { refuseDuplicates, scanJsonObject } from '#router/api/json-scan.ts';

const scan = (text: string) => scanJsonObject(Buffer.from(text, 'utf8'), 64);
const code = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return error instanceof BatonError ? error.code : String(error);
  }
};

/** An object's JSON text with white space and escapes as a client may write them. */
const objectText = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 6 }),
    fc.constantFrom(0, 1, '\t'),
    fc.boolean(),
  )
  .map(([object, indent, escaped]) => {
    const text = ` ${JSON.stringify(object, null, indent)}\r\n`;
    return escaped
      ? text.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      : text;
  });

describe('on valid objects', () => {
  test('keys and value spans are those that JSON.parse sees', () => {
    fc.assert(
      fc.property(objectText, (text) => {
        const bytes = Buffer.from(text, 'utf8');
        const { members, value } = scanJsonObject(bytes, 64);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        expect(value).toEqual(parsed);
        expect(members.map(({ key }) => key).sort()).toEqual(Object.keys(parsed).sort());
        for (const { key, keyStart, valueStart, valueEnd } of members) {
          expect(JSON.parse(bytes.toString('utf8', valueStart, valueEnd))).toEqual(parsed[key]);
          expect(JSON.parse(`{${bytes.toString('utf8', keyStart, valueEnd)}}`)).toEqual(
            Object.fromEntries([[key, parsed[key]]]),
          );
        }
      }),
    );
  });

  test('long strings with quotes and backslashes at their end are skipped right', () => {
    for (const text of [
      'x'.repeat(200),
      `${'y'.repeat(60)}\\`,
      `"${'"\\'.repeat(40)}`,
      '\\'.repeat(61),
      '"'.repeat(61),
    ]) {
      const { members, value } = scan(JSON.stringify({ a: text, b: [text, { c: text }], d: 1 }));
      expect(members.map(({ key }) => key)).toEqual(['a', 'b', 'd']);
      expect(value['a']).toBe(text);
    }
  });
});

describe('anything else is invalid_json', () => {
  test('whenever JSON.parse refuses a damaged text, so does the scanner, and never with another error', () => {
    fc.assert(
      fc.property(
        objectText,
        fc.nat(),
        fc.constantFrom('', '{', '}', ',', '"', '\\', ':', '0', ' ', ']'),
        (text, at, inserted) => {
          const position = at % text.length;
          const damaged = text.slice(0, position) + inserted + text.slice(position + 1);
          let expected = 'accepted';
          try {
            const parsed: unknown = JSON.parse(damaged);
            if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
              expected = 'invalid_json';
          } catch {
            expected = 'invalid_json';
          }
          expect(code(() => scan(damaged))).toBe(expected);
        },
      ),
    );
  });

  test.each([
    '',
    ' ',
    '[]',
    '1',
    'null',
    '"a"',
    '{} {}',
    '{,}',
    '{"a":1,}',
    '{"a"}',
    '{a:1}',
    '{"a":01}',
    '{"a":NaN}',
    '\ufeff{}',
    '{"a":"\u0001"}',
  ])('%j', (text) => {
    expect(code(() => scan(text))).toBe('invalid_json');
  });

  test('bytes that are not UTF-8', () => {
    expect(code(() => scanJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 64))).toBe(
      'invalid_json',
    );
  });

  test('nesting beyond the bound, however deep', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    expect(code(() => scan(nested(63)))).toBe('accepted');
    expect(code(() => scan(nested(64)))).toBe('invalid_json');
    expect(code(() => scan(nested(1_000_000)))).toBe('invalid_json');
  });

  test('and its message never quotes the body', () => {
    expect(() => scan('{"secret words')).toThrow(/^(?!.*secret).*$/s);
  });
});

test('a watched key that stands twice is refused, also in disguise; others may repeat', () => {
  const watched = new Set(['model']);
  const duplicate = (text: string) => code(() => { refuseDuplicates(scan(text).members, watched); }); // prettier-ignore
  expect(duplicate('{"model":1,"a":2,"model":3}')).toBe('duplicate_key');
  expect(duplicate('{"model":1,"\\u006dodel":3}')).toBe('duplicate_key');
  expect(duplicate('{"model":1,"a":2,"a":3}')).toBe('accepted');
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBody, splice, WATCHED, type Edits } from '#router/api/body.ts';
import { SHAPING as CHAT } from '#router/api/chat.ts';
import { SHAPING as COMPLETION } from '#router/api/completions.ts';
import { CHECKS } from '#router/api/params.ts';
import { baton } from '#router/dialects/baton.ts';
import { local } from '#router/dialects/local.ts';
import { vllmNixl } from '#router/dialects/vllm-nixl.ts';

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');
const edited = (text: string, edits: Record<string, string | null>): string =>
  utf8(splice(readBody(Buffer.from(text, 'utf8')), new Map(Object.entries(edits))));

describe('splicing', () => {
  test('without edits gives the very bytes back', () => {
    expect(edited(' { "a" : "ü\u{1f600}" } ', {})).toBe(' { "a" : "ü\u{1f600}" } ');
  });

  test('replaces a value and leaves all other bytes as they were', () => {
    expect(edited('{ "a" : 9007199254740993 ,\n "b":1.50e1 , "\\u0063":[ 1 ] }', { b: '2' })).toBe(
      '{ "a" : 9007199254740993 ,\n "b":2 , "\\u0063":[ 1 ] }',
    );
  });

  test('finds a key in disguise', () => {
    expect(edited('{"\\u0061":1,"b":2}', { a: null })).toBe('{"b":2}');
  });

  test.each([
    ['the first', { a: null }, '{"b":2 , "c":3}'],
    ['one between', { b: null }, '{"a":1 , "c":3}'],
    ['the last', { c: null }, '{"a":1, "b":2}'],
    ['all', { a: null, b: null, c: null }, '{}'],
    ['all but adds one', { a: null, b: null, c: null, d: '4' }, '{"d":4}'],
    ['what is not there', { x: null }, '{"a":1, "b":2 , "c":3}'],
    ['nothing and adds two', { d: '4', e: '5' }, '{"a":1, "b":2 , "c":3,"d":4,"e":5}'],
  ])('removes %s', (_, edits, expected) => {
    expect(edited('{"a":1, "b":2 , "c":3}', edits)).toBe(expected);
  });

  test('of an empty object adds without a comma', () => {
    expect(edited(' { } ', { a: '1' })).toBe(' {"a":1 } ');
  });

  test('always gives the object that editing the parsed one gives', () => {
    const value = fc.jsonValue({ maxDepth: 2 });
    const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'model', 'ü"\\'), value);
    const ascii = value.filter((one) => !/[^ -~]/.test(JSON.stringify(one)));
    const edits = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'new'), fc.option(ascii));
    fc.assert(
      fc.property(object, edits, fc.constantFrom(0, 2), (before, changes, indent) => {
        const after = { ...before };
        const texts = new Map<string, string | null>();
        for (const [key, change] of Object.entries(changes)) {
          texts.set(key, change === null ? null : JSON.stringify(change));
          if (change === null) Reflect.deleteProperty(after, key);
          else after[key] = change;
        }
        const scanned = readBody(Buffer.from(JSON.stringify(before, null, indent)));
        expect(JSON.parse(utf8(splice(scanned, texts as Edits)))).toEqual(JSON.parse(JSON.stringify(after)));
      }),
    );
  });
});

test('every key that is read, stripped or spliced may stand once only', () => {
  const params = {
    model: 'm',
    stream: false,
    maxTokens: 1,
    usesCompletionTokens: true,
    choices: 1,
    cacheSalt: '',
  };
  const facts = { params, ids: null, root: '', named: true, ticket: '', engineParams: '{}' };
  const spliced = [baton, local, vllmNixl].flatMap((dialect) => [
    ...(dialect.prefill(facts)?.keys() ?? []),
    ...dialect.decode(facts).keys(),
  ]);
  const read = ['model', 'messages', 'tools', 'prompt', 'n', 'stream', 'prompt_logprobs', 'use_beam_search'];
  for (const key of [...CHECKS.keys(), ...CHAT, ...COMPLETION, ...spliced, ...read]) {
    expect(() => readBody(Buffer.from(`{"${key}":1,"x":2,"${key}":1}`)), key).toThrow('duplicate_key');
    expect(WATCHED).toContain(key);
  }
});

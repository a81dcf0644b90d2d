import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BatonError, ERRORS, errorBody, REASONS, whereThrown } from '#core/errors.ts';

describe('errors', () => {
  test('reasons have the numbers of the native core', () => {
    const source = readFileSync(new URL('../../../native/src/base/types.h', import.meta.url), 'utf8');
    const body = /enum class Reason : uint8_t \{([^}]*)\}/.exec(source)?.[1] ?? '';
    const native = [...body.matchAll(/(\w+) = (\d+)/g)].map(([, name, number]) => [name, Number(number)]);
    expect(native).toEqual(REASONS.map((name, number) => [name, number]));
  });
  test('every reason but none is in the table', () => {
    expect(REASONS.filter((reason) => reason !== 'none' && !(reason in ERRORS))).toEqual([]);
  });
  test("the body has OpenAI's shape and names the parameter", () => {
    const body = JSON.parse(
      errorBody(new BatonError('invalid_type', 'temperature must be a number', { param: 'temperature' })),
    ) as unknown;
    expect(body).toEqual({
      error: {
        message: 'temperature must be a number',
        type: 'invalid_request_error',
        param: 'temperature',
        code: 'invalid_type',
      },
    });
  });
  test('what is thrown by others becomes internal and keeps its text out of the answer', () => {
    const error = BatonError.from(new Error('password=hunter2'));
    expect(error.code).toBe('internal');
    expect(errorBody(error)).not.toContain('hunter2');
  });
  test('a log says where something was thrown, never what it says, even where that looks like a place', () => {
    const message = 'no hunter2\n    at hunter2 (file:1:1)\n';
    const thrown = new TypeError(message);
    for (const one of [thrown, BatonError.from(thrown)]) {
      expect(whereThrown(one)).toMatch(/^TypeError +at .*errors\.test\.ts:\d+/);
      expect(whereThrown(one)).not.toContain('hunter2');
    }
    expect(whereThrown('hunter2')).toBe('not an Error');
  });
  test('every client error tells what to do and carries a status', () => {
    for (const [code, entry] of Object.entries(ERRORS)) {
      expect(entry.meaning.length, code).toBeGreaterThan(20);
      if (entry.retryAfter) expect([429, 503], code).toContain(entry.status);
    }
  });
});

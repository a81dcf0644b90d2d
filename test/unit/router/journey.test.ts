import { describe, expect, test } from 'vitest';
import { BatonError, ERRORS, type ErrorCode } from '#core/errors.ts';
import { clientError } from '#router/api/errors.ts';
import { mayRetry, type RetryFacts } from '#router/journey.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';

const facts = (more: Partial<RetryFacts> = {}): RetryFacts => ({
  sentUpstream: true, headersSent: false, sentAttempts: 1, unsentAttempts: 0, attemptsMax: 3, ...more,
}); // prettier-ignore
const CODES = Object.keys(ERRORS) as ErrorCode[];

describe('whether an attempt is placed again', () => {
  test.each(CODES)('%s: never after the head went out', (code) => {
    expect(mayRetry(new BatonError(code), facts({ headersSent: true }))).toBe(false);
  });

  test.each(CODES)('%s: before it, as the table says, sent or not', (code) => {
    for (const sentUpstream of [true, false]) {
      expect(mayRetry(new BatonError(code), facts({ sentUpstream }))).toBe(ERRORS[code].retryable);
    }
  });

  test('attempts that an engine saw and those that none saw are bounded apart', () => {
    const error = new BatonError('decode_failed');
    expect(mayRetry(error, facts({ sentAttempts: 3 }))).toBe(false);
    expect(mayRetry(error, facts({ sentUpstream: false, sentAttempts: 3, unsentAttempts: 1 }))).toBe(true);
    expect(
      mayRetry(error, facts({ sentUpstream: false, unsentAttempts: ROUTER_LIMITS.unsentAttemptsMax })),
    ).toBe(false);
  });

  test.each(CODES)('%s reaches a client with a status', (code) => {
    const { status } = clientError(new BatonError(code)).entry;
    expect(status).toBeGreaterThanOrEqual(400);
    if (ERRORS[code].status !== 0) expect(status).toBe(ERRORS[code].status);
  });
});

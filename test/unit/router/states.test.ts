import { describe, expect, test } from 'vitest';
import { EVENTS, STATES, TABLE, type Event, type State } from '#router/states.ts';

/** The stages in their order (ARCHITECTURE.md). */
const JOURNEY: readonly State[] = [
  'arrived', 'admit', 'render', 'match', 'place', 'reserve', 'prefill', 'handoff', 'decode',
]; // prettier-ignore
const ANSWERING: readonly State[] = ['stream', 'stalled'];
/** An attempt has been made, and nothing has gone to the client. */
const ATTEMPTED: readonly State[] = ['reserve', 'prefill', 'handoff', 'decode'];

/** The same rules said in words, without a table. */
function naive(state: State, event: Event): State | null {
  const only = (may: boolean, next: State): State | null => (may ? next : null);
  const over = state === 'settle' || state === 'ended';
  switch (event) {
    case 'next':
      return state === 'decode' ? null : (JOURNEY[JOURNEY.indexOf(state) + 1] ?? null);
    case 'local':
      return only(state === 'place', 'decode');
    case 'good':
      return only(state === 'decode', 'stream');
    case 'stall':
      return only(state === 'stream', 'stalled');
    case 'drain':
      return only(state === 'stalled', 'stream');
    case 'again':
      return only(ATTEMPTED.includes(state), 'match');
    case 'done':
      return only(ANSWERING.includes(state), 'settle');
    case 'fail':
      return only(!over, 'settle');
    case 'settled':
      return only(state === 'settle', 'ended');
  }
}

const cells = STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const));

describe('the state machine of a request', () => {
  test.each(cells)('%s on %s goes where the rules in words say', (state, event) => {
    // Only stages lead to a next one.
    const expected = event === 'next' && !JOURNEY.includes(state) ? null : naive(state, event);
    expect(TABLE[state][event]).toBe(expected);
  });

  test('nothing leads out of ended, and every state can reach it', () => {
    expect(Object.values(TABLE.ended).every((next) => next === null)).toBe(true);
    for (const state of STATES) {
      const seen = new Set<State>([state]);
      for (const at of seen) for (const next of Object.values(TABLE[at])) if (next !== null) seen.add(next);
      expect(seen).toContain('ended');
    }
  });

  test('an answer that has begun is never placed again', () => {
    for (const state of ANSWERING) {
      const seen = new Set<State>([state]);
      for (const at of seen) for (const next of Object.values(TABLE[at])) if (next !== null) seen.add(next);
      expect([...seen].sort()).toEqual(['ended', 'settle', 'stalled', 'stream']);
    }
  });
});

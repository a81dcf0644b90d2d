import { describe, expect, test } from 'vitest';
import { ACTS, EVENTS, STATES, TABLE, type Event, type State } from '#transfer/states.ts';

const LIVE: readonly State[] = ['reserved', 'streaming', 'landed', 'claimed'];
const rank = (name: string): number => LIVE.indexOf(name.replace('now_', '') as State);

/** The same rules said in words, without a table. */
function naive(state: State, event: Event): { next: State; act: string } {
  const keep = (act: string) => ({ next: state, act });
  if (['abort', 'renew', 'settle'].includes(event)) {
    if (state === 'none') return keep('unknown_ticket');
    return keep(state === 'ended' ? 'ended_ticket' : 'forward');
  }
  if (event === 'ask') {
    if (state === 'none') return { next: 'asked', act: 'forward' };
    return keep(state === 'ended' ? 'ended_ticket' : 'duplicate_ticket');
  }
  if (event === 'granted' || event === 'refused') {
    if (state !== 'asked') return keep('late');
    return { next: event === 'granted' ? 'reserved' : 'none', act: 'answer' };
  }
  if (event === 'now_ended')
    return state === 'none' || state === 'ended' ? keep('late') : { next: 'ended', act: 'report' };
  if (!LIVE.includes(state) || rank(event) < rank(state)) return keep('late');
  return { next: event.replace('now_', '') as State, act: 'progress' };
}

describe('the state machine of a ticket', () => {
  const cells = STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const));

  test.each(cells)('%s on %s has the outcome that the rules in words give', (state, event) => {
    const outcome = TABLE[state][event];
    expect(STATES).toContain(outcome.next);
    expect(ACTS).toContain(outcome.act);
    expect(outcome).toEqual(naive(state, event));
  });

  test('an end is final: no event leads out of ended', () => {
    for (const event of EVENTS) expect(TABLE.ended[event].next).toBe('ended');
  });

  test('a report is given on the way to ended and nowhere else', () => {
    for (const [state, event] of cells) {
      const { act, next } = TABLE[state][event];
      expect(act === 'report').toBe(next === 'ended' && state !== 'ended');
    }
  });

  test('every state can reach ended', () => {
    for (const state of STATES) {
      const seen = new Set<State>([state]);
      for (const at of seen) for (const event of EVENTS) seen.add(TABLE[at][event].next);
      expect([...seen]).toContain('ended');
    }
  });
});

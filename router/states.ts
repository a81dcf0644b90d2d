// The state machine of a request as data: the stages of its journey, and what its answer goes through. journey.ts is driven by this
// table, step.ts enforces it; how long a state may last is in bounds.ts. docs/states.md is generated from here.

/**
 * `arrived`: not begun. `admit` to `decode`: in that stage; `decode` until the engine's answer is known to be good. `stream`: the
 * answer is on its way to the client. `stalled`: the client takes nothing for now. `ended`: nothing happens any more.
 */
export const STATES = [
  'arrived', 'admit', 'render', 'match', 'place', 'reserve', 'prefill', 'handoff', 'decode', 'stream', 'stalled', 'settle', 'ended',
] as const; // prettier-ignore
export type State = (typeof STATES)[number];

/**
 * next: the stage is done. local: so is place, and prefill and decode are one leg. good: the answer's head goes out. stall, drain:
 * the client's buffer is full, and empty again. again: the attempt is given up and the request placed anew. done: the answer went
 * out whole. fail: the request ends in an error. settled: all that it held is given back.
 */
export const EVENTS = [
  'next', 'local', 'good', 'stall', 'drain', 'again', 'done', 'fail', 'settled',
] as const; // prettier-ignore
export type Event = (typeof EVENTS)[number];

// One row per state: the state that each event leads to, in the order of EVENTS; `-`: it cannot happen there.
const ROWS: Record<State, string> = {
  //        next     local   good    stall    drain   again  done    fail    settled
  arrived: 'admit    -       -       -        -       -      -       settle  -',
  admit: '  render   -       -       -        -       -      -       settle  -',
  render: ' match    -       -       -        -       -      -       settle  -',
  match: '  place    -       -       -        -       -      -       settle  -',
  place: '  reserve  decode  -       -        -       -      -       settle  -',
  reserve: 'prefill  -       -       -        -       match  -       settle  -',
  prefill: 'handoff  -       -       -        -       match  -       settle  -',
  handoff: 'decode   -       -       -        -       match  -       settle  -',
  decode: ' -        -       stream  -        -       match  -       settle  -',
  stream: ' -        -       -       stalled  -       -      settle  settle  -',
  stalled: '-        -       -       -        stream  -      settle  settle  -',
  settle: ' -        -       -       -        -       -      -       -       ended',
  ended: '  -        -       -       -        -       -      -       -       -',
}; // prettier-ignore

/** Where a request goes from a state on an event; null: that event in that state is a defect. Total. */
export const TABLE: Readonly<Record<State, Readonly<Record<Event, State | null>>>> = build();

function build(): Record<State, Record<Event, State | null>> {
  const table = {} as Record<State, Record<Event, State | null>>;
  for (const state of STATES) {
    const cells = ROWS[state].trim().split(/\s+/);
    const row = EVENTS.map((event, i) => [event, cells[i] === '-' ? null : cells[i]]);
    table[state] = Object.fromEntries(row) as Record<Event, State | null>;
  }
  return table;
}

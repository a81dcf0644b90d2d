// The state machine of a ticket as this service's ledger sees it, as data. The native table holds the truth about bytes and
// leases; the ledger decides who may do what and makes sure that each ticket has exactly one last word.

/** `none`: unknown here. `asked`: handed to the native bus, no answer yet. `ended`: remembered for late messages. */
export const STATES = ['none', 'asked', 'reserved', 'streaming', 'landed', 'claimed', 'ended'] as const;
export type State = (typeof STATES)[number];

/**
 * From the owning router: ask (Open or Expect), abort, renew, settle. From the native bus: granted, refused (its answers to
 * ask) and the state a ticket is now in (`now_…`; the native bus coalesces, so states may be skipped).
 */
export const EVENTS = [
  'ask', 'abort', 'renew', 'settle', 'granted', 'refused',
  'now_reserved', 'now_streaming', 'now_landed', 'now_claimed', 'now_ended',
] as const; // prettier-ignore
export type Event = (typeof EVENTS)[number];

/**
 * forward: hand to the native bus. answer, progress, report: tell the owner. late: count and drop. The others are reasons: the
 * router's message is refused and counted (and answered, where it is an ask).
 */
export const ACTS = [
  'forward', 'answer', 'progress', 'report', 'late', 'unknown_ticket', 'ended_ticket', 'duplicate_ticket',
] as const; // prettier-ignore
export type Act = (typeof ACTS)[number];

/** What ends each state at the latest when nobody says anything more. */
export const BOUNDS: Readonly<Record<State, string>> = {
  none: 'nothing is kept',
  asked: 'the bus answers at once; the router gives up after `LIMITS.grantMs` and says abort',
  reserved: 'its lease, which the router renews while the request lives',
  streaming: 'its lease',
  landed: 'its lease',
  claimed: 'its lease',
  ended: 'the oldest of `LIMITS.endedTicketsKeptMax` is forgotten',
};

export interface Outcome {
  next: State;
  act: Act;
}

// One row per event, one cell per state in the order of STATES: `act` keeps the state, `act>next` changes it.
const ROWS: Record<Event, string> = {
  //             none            asked             reserved          streaming         landed            claimed           ended
  ask: '         forward>asked   duplicate_ticket  duplicate_ticket  duplicate_ticket  duplicate_ticket  duplicate_ticket  ended_ticket',
  abort: '       unknown_ticket  forward           forward           forward           forward           forward           ended_ticket',
  renew: '       unknown_ticket  forward           forward           forward           forward           forward           ended_ticket',
  settle: '      unknown_ticket  forward           forward           forward           forward           forward           ended_ticket',
  granted: '     late            answer>reserved   late              late              late              late              late',
  refused: '     late            answer>none       late              late              late              late              late',
  now_reserved: 'late            late              progress          late              late              late              late',
  now_streaming: 'late           late              progress>streaming progress         late              late              late',
  now_landed: '  late            late              progress>landed   progress>landed   progress          late              late',
  now_claimed: ' late            late              progress>claimed  progress>claimed  progress>claimed  progress          late',
  now_ended: '   late            report>ended      report>ended      report>ended      report>ended      report>ended      late',
}; // prettier-ignore

/** What happens to a ticket in a state on an event; total. */
export const TABLE: Readonly<Record<State, Readonly<Record<Event, Outcome>>>> = build();

function build(): Record<State, Record<Event, Outcome>> {
  const table = {} as Record<State, Record<Event, Outcome>>;
  for (const state of STATES) table[state] = {} as Record<Event, Outcome>;
  for (const event of EVENTS) {
    const cells = ROWS[event].trim().split(/\s+/);
    STATES.forEach((state, i) => {
      const [act, next = state] = (cells[i] ?? '').split('>');
      table[state][event] = { act: act as Act, next: next as State };
    });
  }
  return table;
}

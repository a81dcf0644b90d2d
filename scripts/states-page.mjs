// The tables of docs/states.md from the state machines of requests and tickets: [section, table] each.
import { join } from 'node:path';
import { head, none, row } from './markdown.mjs';
import { root } from './run.mjs';

const code = (text) => `\`${text}\``;

/** One row per event, one column per state: what `cell` says. */
function matrix(events, states, cell) {
  const rows = events.map((event) => row(code(event), ...states.map((state) => cell(state, event))));
  return [...head('Event', ...states), ...rows].join('\n');
}

function ticketCell({ next, act }, state) {
  return next === state ? act : `${act} → **${next}**`;
}

/** One row per state in which a request may be given up, one column per dialect. */
function abortsTable(aborts) {
  const dialects = Object.keys(aborts);
  const rows = Object.keys(aborts[dialects[0]]).map((state) =>
    row(code(state), ...dialects.map((dialect) => aborts[dialect][state].join(', ') || none)),
  );
  return [...head('Given up in', ...dialects), ...rows].join('\n');
}

export async function stateTables() {
  const request = await import(join(root, 'router/states.ts'));
  const { BOUNDS } = await import(join(root, 'router/bounds.ts'));
  const { ABORTS } = await import(join(root, 'router/dialects/aborts.ts'));
  const ticket = await import(join(root, 'transfer/states.ts'));
  const bounds = Object.entries(BOUNDS).map(([state, { waitsFor, bound, then }]) =>
    row(code(state), waitsFor, bound, then),
  );
  const leases = Object.entries(ticket.BOUNDS).map(([state, bound]) => row(code(state), bound));
  return [
    [
      'request',
      matrix(request.EVENTS, request.STATES, (state, event) => request.TABLE[state][event] ?? none),
    ],
    ['request bounds', [...head('State', 'Waits for', 'At most', 'Then'), ...bounds].join('\n')],
    ['aborts', abortsTable(ABORTS)],
    [
      'ticket',
      matrix(ticket.EVENTS, ticket.STATES, (state, event) => ticketCell(ticket.TABLE[state][event], state)),
    ],
    ['ticket bounds', [...head('State', 'Ends at the latest by'), ...leases].join('\n')],
  ];
}

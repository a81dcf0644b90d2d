// Why a request was placed where it was: the candidates as the router weighed them.
import { h, table } from './dom.js';
import { count, ms } from './format.js';

const COLUMNS = [
  ['Predicted first token', 'first_token_ms'],
  ['Queue', 'queue_ms'],
  ['Prefill', 'prefill_ms'],
  ['Transfer', 'transfer_ms'],
  ['Room', 'room_ms'],
];

/** Of the last attempt; null: it was not placed. */
export function placementOf(attempts) {
  const decision = attempts.at(-1)?.decision;
  if (decision === undefined) return null;
  const { chosen, candidates, reason, mode, candidates_left_out: leftOut } = decision;
  return h(
    'details',
    {},
    h('summary', {}, 'Why it was placed there'),
    h('p', { class: 'note' }, `Mode ${mode}: ${reason}.`),
    table(
      'Candidates',
      'Prefill → decode',
      [...COLUMNS.map(([name]) => name), 'Cached'],
      candidates.map((candidate) => row(candidate, isSame(candidate, chosen))),
    ),
    leftOut > 0 ? h('p', { class: 'note' }, `and ${leftOut} dearer ones`) : null,
  );
}

const isSame = (a, b) => a.prefill === b?.prefill && a.decode === b?.decode;

function row(candidate, chosen) {
  const where = `${candidate.prefill ?? 'local'} → ${candidate.decode}`;
  return h(
    'tr',
    { class: chosen ? 'chosen' : null },
    h('th', { scope: 'row' }, chosen ? `${where} ✓` : where),
    ...COLUMNS.map(([, field]) => h('td', { class: 'number' }, ms(candidate[field]))),
    h('td', { class: 'number' }, count(candidate.cached_tokens)),
  );
}

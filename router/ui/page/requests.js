// The list of live and recent requests.
import { $, h, keyed, setText } from './dom.js';
import { bytes, count, ms, short } from './format.js';

const ID_CHARS = 18;

export const linkTo = (id) => `#request=${id}`;

export function showRequests(requests, chosen) {
  $('no-requests').hidden = requests.length > 0;
  keyed(
    $('requests'),
    requests,
    ({ id }) => id,
    create,
    (row, item) => {
      update(row, item, item.id === chosen);
    },
  );
}

function create({ id }) {
  const link = h('a', { href: linkTo(id), title: id }, short(id, ID_CHARS));
  const cell = (names) => h('td', { class: names });
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, link),
    h('td', {}, h('span', { class: 'badge' })),
    cell('wide'),
    cell('number'),
    cell('number wide'),
    cell('number'),
    cell('number wide'),
    cell('number wide'),
  );
}

function update(row, item, chosen) {
  const [name, state, placed, prompt, cached, first, total, lanes] = row.cells;
  row.classList.toggle('chosen', chosen);
  if (chosen) name.firstChild.setAttribute('aria-current', 'true');
  else name.firstChild.removeAttribute('aria-current');
  const badge = state.firstChild;
  setText(badge, item.code ?? item.stage ?? 'arrived');
  badge.className = `badge ${item.code === null ? 'live' : item.code === 'ok' ? 'ok' : 'bad'}`;
  setText(placed, item.decode === null ? '–' : `${item.prefill ?? 'local'} → ${item.decode}`);
  setText(prompt, count(item.prompt_tokens));
  setText(cached, count(item.cached_tokens));
  setText(first, ms(item.first_token_ms));
  setText(total, item.code === null ? `${ms(item.ago_ms)} so far` : ms(item.total_ms));
  setText(lanes, item.bytes_in === 0 ? '–' : bytes(item.bytes_in));
}

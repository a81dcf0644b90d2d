// A prompt's chunks by the first eight characters of their names, and where each came from.
import { h } from './dom.js';

const FROM = {
  computed: 'computed for this request',
  source: 'held at the prefill node',
  target: 'held at the decode node',
};
/** Of a request that was computed where it was answered. */
const HELD_LOCALLY = 'held already';

export function chunksOf({ chunks, chunks_left_out: leftOut, ticket }) {
  if (chunks.length === 0) return h('p', { class: 'note' }, 'Its chunks have no names.');
  const text = (from) => (ticket === null && from === 'source' ? HELD_LOCALLY : FROM[from]);
  const kinds = Object.keys(FROM).filter((from) => chunks.some((chunk) => chunk.from === from));
  return h(
    'div',
    {},
    h(
      'ol',
      { class: 'chunks' },
      ...chunks.map(({ name, tokens, from }) =>
        h(
          'li',
          { class: from, title: `${tokens} tokens, ${text(from)}` },
          name,
          h('span', { class: 'visually-hidden' }, ` ${text(from)}`),
        ),
      ),
    ),
    leftOut > 0 ? h('p', { class: 'note' }, `and ${leftOut} more`) : null,
    h(
      'ul',
      { class: 'legend' },
      ...kinds.map((from) => h('li', {}, h('span', { class: `swatch ${from}` }), text(from))),
    ),
  );
}

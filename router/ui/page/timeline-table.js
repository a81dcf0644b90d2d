// The same times as a table, for whoever reads instead of looking.
import { h, table } from './dom.js';
import { ms } from './format.js';

const COLUMNS = [
  ['Begins', 'computed_first_ms'],
  ['Computed', 'computed_ms'],
  ['First byte out', 'out_ms'],
  ['Landed', 'landed_ms'],
  ['Scattered', 'scattered_ms'],
];

export function timelineTable(layers) {
  return h(
    'details',
    {},
    h('summary', {}, 'The timeline as a table'),
    table(
      'Times of each layer',
      'Layer',
      COLUMNS.map(([name]) => name),
      layers.map((layer, i) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, String(i)),
          ...COLUMNS.map(([, field]) => h('td', { class: 'number' }, ms(layer[field]))),
        ),
      ),
    ),
  );
}

// The timeline of a handoff as a drawing: a row per layer, computing above, its bytes on the wire below, so that what overlaps stands
// one above the other.
import { h, s } from './dom.js';
import { ms } from './format.js';
import { spansOf, tickText, ticksOf } from './timeline-scale.js';

const LEFT = 34;
const RIGHT = 12;
const TOP = 22;
const BOTTOM = 26;
const LABEL = 15;

const LEGEND = [
  ['compute', 'computed'],
  ['wire', 'on the wire'],
  ['wait', 'landed and verified'],
  ['scattered', 'in the decode engine’s pages'],
  ['exposed', 'exposed: after the last layer was computed'],
];

const rowHeight = (layers) => (layers <= 12 ? 24 : layers <= 40 ? 13 : 8);

/** A figure that draws itself for the width it has. */
export function timelineOf(ticket) {
  const spans = spansOf(ticket.layers);
  if (spans === null) return h('p', { class: 'note' }, 'Nothing crossed a lane for this request.');
  const drawing = h('div', { class: 'drawing' });
  const redraw = () => {
    const width = Math.floor(drawing.clientWidth);
    if (width > 0) drawing.replaceChildren(draw(spans, width, labelOf(ticket)));
  };
  new ResizeObserver(redraw).observe(drawing);
  return h('figure', { class: 'timeline' }, drawing, h('figcaption', {}, legend(spans)));
}

function labelOf({ layers, transfer_ms: transfer, exposed_ms: exposed }) {
  return (
    `Timeline of ${layers.length} layers. The transfer took ${ms(transfer)}; ` +
    `${ms(exposed)} of it came after the last layer was computed.`
  );
}

function legend({ rows, exposed }) {
  const drawn = (name) => (name === 'exposed' ? exposed !== null : rows.some((row) => row[name] !== null));
  return h(
    'ul',
    { class: 'legend' },
    ...LEGEND.filter(([name]) => drawn(name)).map(([name, text]) =>
      h('li', {}, h('span', { class: `swatch ${name}` }), text),
    ),
  );
}

function draw({ rows, end, computed, exposed }, width, label) {
  const row = rowHeight(rows.length);
  const bottom = TOP + rows.length * row;
  const x = (time) => LEFT + (time / end) * (width - LEFT - RIGHT);
  const bar = (span, name, y, height, title) =>
    span === null
      ? null
      : s(
          'rect',
          { class: name, x: x(span[0]), y, width: Math.max(1, x(span[1]) - x(span[0])), height },
          s('title', {}, title),
        );
  const every = Math.ceil(LABEL / row);
  return s(
    'svg',
    {
      width,
      height: bottom + BOTTOM,
      viewBox: `0 0 ${width} ${bottom + BOTTOM}`,
      role: 'img',
      'aria-label': label,
    },
    ...axis(ticksOf(end, width > 560 ? 8 : 4), x, bottom, width),
    ...(exposed === null
      ? []
      : [bar(exposed, 'exposed', TOP, bottom - TOP, `exposed: ${ms(exposed[1] - exposed[0])}`)]),
    ...rows.flatMap(({ compute, wire, wait, scattered }, layer) => {
      const y = TOP + layer * row;
      const half = (row - 3) / 2;
      const middle = y + 1 + half + half / 2;
      const name = `layer ${layer}`;
      return [
        layer % every === 0
          ? s(
              'text',
              { class: 'label', x: LEFT - 8, y: y + row / 2 + 4, 'text-anchor': 'end' },
              String(layer),
            )
          : null,
        bar(compute, 'compute', y + 1, half, `${name} computed: ${between(compute)}`),
        wait === null
          ? null
          : s('line', { class: 'wait', x1: x(wait[0]), x2: x(wait[1]), y1: middle, y2: middle }),
        bar(wire, 'wire', y + 1 + half, half, `${name} on the wire: ${between(wire)}`),
        scattered === null
          ? null
          : s(
              'rect',
              { class: 'scattered', x: x(scattered) - 3, y: y + 1 + half, width: 5, height: half },
              s('title', {}, `${name} scattered at ${ms(scattered)}`),
            ),
      ];
    }),
    ...(computed === null ? [] : mark(x(computed), bottom, `prompt computed ${ms(computed)}`, width)),
  );
}

const between = (span) => (span === null ? '' : `${ms(span[0])} to ${ms(span[1])}`);

function axis(ticks, x, bottom, width) {
  const anchorOf = (time) => (time === 0 ? 'start' : x(time) > width - 2 * RIGHT ? 'end' : 'middle');
  return ticks.flatMap((time) => [
    s('line', { class: 'grid', x1: x(time), x2: x(time), y1: TOP, y2: bottom }),
    s(
      'text',
      { class: 'label', x: x(time), y: bottom + 16, 'text-anchor': anchorOf(time) },
      tickText(time, ticks),
    ),
  ]);
}

function mark(at, bottom, text, width) {
  const anchor = at > width / 2 ? 'end' : 'start';
  return [
    s('line', { class: 'mark', x1: at, x2: at, y1: TOP - 6, y2: bottom }),
    s(
      'text',
      { class: 'label', x: at + (anchor === 'end' ? -5 : 5), y: TOP - 9, 'text-anchor': anchor },
      text,
    ),
  ];
}

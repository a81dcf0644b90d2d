// One small chart over time. The library draws on a canvas: what it shows is also told in words.
import uPlot from './uplot.js';
import { h, setText } from './dom.js';

const HEIGHT = 110;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The time axis is never shorter, s. */
const SPAN = 120;

/**
 * `title`; `show`: a value in words; `stroke`: the name of a colour of theme.css; `least`: the value axis ends no lower; `most`: nor
 * higher; `steps`: a value stands for the time since the one before it.
 */
export class Chart {
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {[number[], (number | null)[]]} */
  #data = [[], []];
  #options;
  #box = h('div', { class: 'plot' });
  #value = h('span', { class: 'value' });
  element;

  constructor(options) {
    this.#options = options;
    const { title } = options;
    this.element = h(
      'figure',
      { class: 'chart' },
      h('figcaption', {}, h('span', {}, title), this.#value),
      this.#box,
    );
    this.#box.setAttribute('role', 'img');
    new ResizeObserver(() => {
      this.#fit();
    }).observe(this.#box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#draw();
    });
  }

  /** Times in s and values, null where there is none. */
  show(times, values) {
    this.#data = [times, values];
    if (this.#plot === null) this.#draw();
    else this.#plot.setData(this.#data);
    this.#tell(values.length - 1);
    const { title, show } = this.#options;
    const known = values.filter((value) => value !== null);
    const most = known.length === 0 ? 'nothing yet' : `at most ${show(Math.max(...known))}`;
    this.#box.setAttribute('aria-label', `${title}: now ${this.#value.textContent}, ${most}`);
  }

  #tell(index) {
    const value = this.#data[1][index] ?? null;
    setText(this.#value, value === null ? '–' : this.#options.show(value));
  }

  #fit() {
    const width = this.#box.clientWidth;
    if (this.#plot !== null && width > 0) this.#plot.setSize({ width, height: HEIGHT });
    else this.#draw();
  }

  #draw() {
    const width = this.#box.clientWidth;
    this.#plot?.destroy();
    this.#plot = width > 0 ? new uPlot(this.#settings(width), this.#data, this.#box) : null;
  }

  /** @returns {uPlot.Options} */
  #settings(width) {
    const { show, stroke, least = 1, most = Infinity, steps = false } = this.#options;
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    return {
      width,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: {
        x: { time: true, range: (_plot, from, to) => [Math.min(from, to - SPAN), to] },
        y: { range: (_plot, _from, to) => [0, Math.min(most, Math.max(least, to * 1.1))] },
      },
      axes: [
        { ...axis, size: 22, space: 60 },
        { ...axis, size: 62, space: 28, values: (_plot, values) => values.map(show) },
      ],
      series: [
        {},
        {
          stroke: colour(stroke),
          fill: `${colour(stroke)}22`,
          width: 1.5,
          points: { show: (_plot, _series, from, to) => to - from < 40, size: 4 },
          ...(steps ? { paths: uPlot.paths.stepped?.({ align: -1 }) } : {}),
        },
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx: index } }) => {
            this.#tell(index ?? this.#data[1].length - 1);
          },
        ],
      },
    };
  }
}

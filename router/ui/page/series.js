// The router over the last minutes.
import { Chart } from './chart.js';
import { $ } from './dom.js';
import { bytes, ms } from './format.js';

const round = (value) => (value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10));

const CHARTS = [
  {
    title: 'Requests per second',
    stroke: '--accent',
    show: round,
    steps: true,
    of: (sample) => sample.requests / sample.seconds,
  },
  { title: 'First token, mean', stroke: '--compute', show: ms, of: (sample) => sample.first_token_ms },
  {
    title: 'Hit rate',
    stroke: '--scattered',
    show: (share) => `${Math.round(share)} %`,
    least: 100,
    most: 100,
    of: (sample) => (sample.prompt_tokens > 0 ? (sample.cached_tokens / sample.prompt_tokens) * 100 : null),
  },
  {
    title: 'Over lanes per second',
    stroke: '--wire',
    show: bytes,
    least: 4096,
    steps: true,
    of: (sample) => sample.lane_bytes / sample.seconds,
  },
  { title: 'Exposed transfer, mean', stroke: '--bad', show: ms, of: (sample) => sample.exposed_ms },
];

const charts = CHARTS.map((options) => ({ chart: new Chart(options), of: options.of }));

export function placeCharts() {
  $('series').replaceChildren(...charts.map(({ chart }) => chart.element));
}

/** `now` and the samples’ times are of the router’s clock. */
export function showSeries({ now, samples }) {
  const offset = Date.now() / 1000 - now / 1000;
  const times = samples.map(({ at }) => offset + at / 1000);
  for (const { chart, of } of charts) chart.show(times, samples.map(of));
}

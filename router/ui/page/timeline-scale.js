// Where the bars of a timeline stand: times of layers, as /debug/requests/ID tells them, to spans. Nothing is interpolated: a bar
// begins and ends at stamps, a missing stamp is a missing bar.

const greatest = (times) =>
  times.reduce((most, time) => (time !== null && (most === null || time > most) ? time : most), null);
const span = (from, to) => (from === null || to === null ? null : [from, to]);

/**
 * Null: nothing was stamped. `computed`: when the last layer was; `landed`: when all had; `exposed`: from the one to the other, what
 * the transfer adds to the prefill.
 */
export function spansOf(layers) {
  const rows = layers.map((layer) => ({
    compute: span(layer.computed_first_ms, layer.computed_ms),
    wire: span(layer.out_ms, layer.landed_ms),
    wait: span(layer.landed_ms, layer.scattered_ms),
    scattered: layer.scattered_ms,
  }));
  const end = greatest(layers.flatMap((layer) => Object.values(layer)));
  if (end === null) return null;
  const computed = greatest(layers.map((layer) => layer.computed_ms));
  const landed = greatest(layers.map((layer) => layer.landed_ms));
  const late = computed !== null && landed !== null && landed > computed;
  return { rows, end, computed, landed, exposed: late ? [computed, landed] : null };
}

/** A time of an axis, as exact as its steps are. */
export function tickText(time, ticks) {
  if (time === 0) return '0';
  if (ticks.at(-1) >= 2000) return `${Number((time / 1000).toFixed(1))} s`;
  return `${Number(time.toPrecision(3))} ms`;
}

/** Round times for an axis from 0 to `end`, about `wanted` of them. */
export function ticksOf(end, wanted) {
  if (!(end > 0)) return [0];
  const rough = end / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => i * step);
}

// The per-layer timeline of one handoff, drawn from the native stamps of the ticket's reports. Nothing is interpolated: a bar
// begins and ends at stamps, a missing stamp is a missing bar.

export interface LayerTimes {
  /** Milliseconds on one clock; null = never stamped. */
  computedFirst: number | null;
  computed: number | null;
  out: number | null;
  landed: number | null;
  scattered: number | null;
}

const WIDTH = 64;
const LAYERS_SHOWN_MAX = 32;

/** Milliseconds between the last layer's KV being computed and everything landed and verified: what the transfer adds. */
export function exposedMs(layers: readonly LayerTimes[]): number | null {
  const computed = last(layers.map((layer) => layer.computed));
  const landed = last(layers.map((layer) => layer.landed));
  return computed === null || landed === null ? null : Math.max(0, landed - computed);
}

/** Milliseconds from the first byte on the wire to the last one landed. */
export function transferMs(layers: readonly LayerTimes[]): number | null {
  const out = first(layers.map((layer) => layer.out));
  const landed = last(layers.map((layer) => layer.landed));
  return out === null || landed === null ? null : landed - out;
}

/** One line per layer: c computing, = on the wire, . landed and waiting, s scattered into the decode engine's pages. */
export function drawTimeline(layers: readonly LayerTimes[]): string[] {
  const all = layers
    .flatMap((l) => [l.computedFirst, l.computed, l.out, l.landed, l.scattered])
    .filter((t) => t !== null);
  if (all.length === 0) return ['  (nothing crossed a lane)'];
  const start = Math.min(...all);
  const span = Math.max(Math.max(...all) - start, 0.001);
  const column = (time: number): number => Math.min(WIDTH - 1, Math.floor(((time - start) / span) * WIDTH));
  const lines = [`  layer  0${`${span.toFixed(1)} ms`.padStart(WIDTH - 1)}`];
  for (const [index, layer] of layers.slice(0, LAYERS_SHOWN_MAX).entries()) {
    const cells = new Array<string>(WIDTH).fill(' ');
    const bar = (from: number | null, to: number | null, mark: string): void => {
      if (from === null || to === null || to < from) return;
      for (let at = column(from); at <= column(to); at++) cells[at] = mark;
    };
    bar(layer.landed, layer.scattered, '.');
    bar(layer.out, layer.landed, '=');
    bar(layer.computedFirst, layer.computed, 'c');
    if (layer.computed !== null) cells[column(layer.computed)] = 'C';
    if (layer.landed !== null) cells[column(layer.landed)] = 'L';
    if (layer.scattered !== null) cells[column(layer.scattered)] = 's';
    lines.push(`  ${String(index).padStart(5)}  ${cells.join('').trimEnd()}`);
  }
  if (layers.length > LAYERS_SHOWN_MAX)
    lines.push(`         (${layers.length - LAYERS_SHOWN_MAX} more layers)`);
  lines.push(
    '         c computing  C computed  = on the wire  L landed and verified  s in the decode engine’s pages',
  );
  return lines;
}

function first(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function last(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
}

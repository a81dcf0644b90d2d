// The per-layer timeline of one handoff in one clock, from the native stamps of both ends' reports. Nothing is interpolated:
// what was never stamped is null.
import type { LayerStamps, Report } from './link.ts';

/** Milliseconds since the earliest stamp. */
export interface LayerTimes {
  computed_first_ms: number | null;
  computed_ms: number | null;
  out_ms: number | null;
  landed_ms: number | null;
  scattered_ms: number | null;
}

export interface Timeline {
  layers: LayerTimes[];
  /** First byte out to everything landed. */
  transfer_ms: number | null;
  /** Last layer computed to everything landed: what the handoff adds to the prefill. */
  exposed_ms: number | null;
  /** Source's clock − target's clock, as the ends estimated it. */
  clock_offset_ns: number;
}

const NEVER = 0n;

/** Merges the two ends; with one arena, `target` is the report of both roles. Null: no layer was stamped. */
export function mergeTimeline(source: Report | null, target: Report): Timeline | null {
  const offset = offsetOf(source, target);
  const count = Math.max(source?.layers.length ?? 0, target.layers.length);
  const merged: LayerStamps[] = [];
  for (let layer = 0; layer < count; layer++) {
    const there = target.layers[layer];
    const here = source?.layers[layer];
    const early = (stamp: 'computedFirst' | 'computed' | 'out'): bigint => {
      const atSource = here?.[stamp] ?? NEVER;
      return atSource === NEVER ? (there?.[stamp] ?? NEVER) : atSource - offset;
    };
    merged.push({
      computedFirst: early('computedFirst'),
      computed: early('computed'),
      out: early('out'),
      landed: there?.landed ?? NEVER,
      scattered: there?.scattered ?? NEVER,
    });
  }
  const stamps = merged
    .flatMap((layer) => Object.values(layer) as bigint[])
    .filter((stamp) => stamp !== NEVER);
  if (stamps.length === 0) return null;
  const start = stamps.reduce((least, stamp) => (stamp < least ? stamp : least));
  const ms = (stamp: bigint): number | null => (stamp === NEVER ? null : Number(stamp - start) / 1e6);
  const layers = merged.map((layer) => ({
    computed_first_ms: ms(layer.computedFirst),
    computed_ms: ms(layer.computed),
    out_ms: ms(layer.out),
    landed_ms: ms(layer.landed),
    scattered_ms: ms(layer.scattered),
  }));
  const landed = greatest(layers.map((layer) => layer.landed_ms));
  const computed = greatest(layers.map((layer) => layer.computed_ms));
  const out = least(layers.map((layer) => layer.out_ms));
  return {
    layers,
    transfer_ms: landed === null || out === null ? null : landed - out,
    exposed_ms: landed === null || computed === null ? null : Math.max(0, landed - computed),
    clock_offset_ns: Number(offset),
  };
}

// Each end estimates peer − own at the lanes' hello; the target's word counts, the source's where the target has none.
function offsetOf(source: Report | null, target: Report): bigint {
  if (source === null) return 0n;
  return target.clockOffsetNs !== 0n ? target.clockOffsetNs : -source.clockOffsetNs;
}

function greatest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function least(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

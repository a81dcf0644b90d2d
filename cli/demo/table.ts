// The small table under each answer.
import type { Told } from './converse.ts';
import type { Journey } from './journey.ts';
import { drawTimeline } from './timeline.ts';

export type Cell = [head: string, value: string];

export const ms = (value: number | null): string => (value === null ? '-' : `${value.toFixed(1)} ms`);

export function size(bytes: number): string {
  if (bytes >= 1 << 20) return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} B`;
}

/** Cells of every table: the prompt and where it went. */
export function placed(journey: Journey, tokens: { promptTokens: number; cachedTokens: number }): Cell[] {
  return [
    ['prompt', `${tokens.promptTokens}`],
    ['cached', `${tokens.cachedTokens}`],
    ['prefilled', journey.prefill ?? 'local'],
    ['decoded', journey.decode],
  ];
}

/** A handoff over the bus: its ticket's bytes and times, and the timeline. */
export function overBus(journey: Journey): Told {
  const cells: Cell[] = [
    ...placed(journey, journey),
    ['over lanes', size(journey.bytes)],
    ['transfer', ms(journey.transferMs)],
    ['exposed', ms(journey.exposedMs)],
    ['first token', ms(journey.firstTokenMs)],
  ];
  return { cells, bytes: journey.bytes, lines: drawTimeline(journey.layers) };
}

export function answerLines(id: string, spoken: readonly string[], cells: readonly Cell[]): string[] {
  const widths = cells.map(([head, value]) => Math.max(head.length, value.length));
  const row = (pick: 0 | 1): string =>
    cells
      .map((cell, i) => cell[pick].padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [id, ...spoken, `  ${row(0)}`, `  ${row(1)}`];
}

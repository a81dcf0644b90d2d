// The small table under each answer.
import type { Journey } from './journey.ts';

const ms = (value: number | null): string => (value === null ? '-' : `${value.toFixed(1)} ms`);

function size(bytes: number): string {
  if (bytes >= 1 << 20) return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} B`;
}

export function answerLines(id: string, journey: Journey, identical: boolean): string[] {
  const cells: [string, string][] = [
    ['prompt', `${journey.promptTokens}`],
    ['cached', `${journey.cachedTokens}`],
    ['prefilled', journey.prefill ?? 'local'],
    ['decoded', journey.decode],
    ['over lanes', size(journey.bytes)],
    ['transfer', ms(journey.transferMs)],
    ['exposed', ms(journey.exposedMs)],
    ['first token', ms(journey.firstTokenMs)],
    ['equal', identical ? 'yes' : 'NO'],
  ];
  const widths = cells.map(([head, value]) => Math.max(head.length, value.length));
  const row = (pick: 0 | 1): string => cells.map((cell, i) => cell[pick].padEnd(widths[i] ?? 0)).join('  ');
  return [id, `  ${row(0)}`, `  ${row(1)}`];
}

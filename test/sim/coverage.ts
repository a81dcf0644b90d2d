// What a run of many seeds must have met: a fault kind or an end that never occurs is a simulation that does not test it.
import { FAULT_NAMES } from './faults/plan.ts';

export const COVERAGE_SEEDS_MIN = 100;

export const MUST_OCCUR: readonly string[] = [
  ...FAULT_NAMES.map((kind) => `fault: ${kind}`),
  ...[
    'delay',
    'message sent again',
    'clock of another speed',
    'restart at the same address',
    'late resume',
  ].map((kind) => `fault: ${kind}`),
  ...['ok', 'error', 'interrupted', 'cut', 'left', 'refused'].map((kind) => `request: ${kind}`),
  ...['settled', 'aborted', 'expired', 'failed'].map((state) => `ticket: ${state}`),
];

export function missing(counts: ReadonlyMap<string, number>): string[] {
  return MUST_OCCUR.filter((what) => !counts.has(what));
}

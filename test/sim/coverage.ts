// What a run of many seeds must have met: a fault kind or an end that never occurs is a simulation that does not test it.
import { FAULTS } from './faults.ts';

export const COVERAGE_SEEDS_MIN = 100;

export const MUST_OCCUR: readonly string[] = [
  ...Object.keys(FAULTS).map((kind) => `fault: ${kind}`),
  'fault: clock of another speed',
  ...['ok', 'error', 'interrupted', 'cut', 'left', 'refused'].map((kind) => `request: ${kind}`),
  ...['settled', 'aborted', 'expired', 'failed'].map((state) => `ticket: ${state}`),
];

export function missing(counts: ReadonlyMap<string, number>): string[] {
  return MUST_OCCUR.filter((what) => !counts.has(what));
}

// Codes of the C ABI (native/include/baton.h); values never change.

export const BATON = {
  ok: 0,
  held: 1,
  landing: 2,
  closed: -2,
  timeout: -3,
  full: -6,
  unknown: -7,
  foreign: -8,
  ended: -9,
  mismatch: -10,
  digest: -11,
} as const;

const names = new Map<number, string>(Object.entries(BATON).map(([name, code]) => [code, name]));

/** Name of a code as a metric label; few and fixed. */
export function codeName(code: number): string {
  return names.get(code) ?? 'other';
}

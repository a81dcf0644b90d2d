// Numbers as people read them.

const NONE = '–';

/** Milliseconds, in s from a second on. */
export function ms(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  if (value >= 100 || value === 0) return `${Math.round(value)} ms`;
  return value >= 0.1 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`;
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let amount = value;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** A whole number with thin spaces between thousands. */
export function count(value) {
  if (value === null || value === undefined) return NONE;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

export function percent(part, whole) {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : NONE;
}

/** At most so many characters, the middle left out. */
export function short(text, most) {
  if (text.length <= most) return text;
  const head = Math.ceil((most - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (most - 1 - head))}`;
}

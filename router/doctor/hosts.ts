// Which hosts are one machine, as far as names tell.
import { isLoopback } from '#core/config.ts';

/** Of a URL, or of host:port; IPv6 without brackets. */
export function hostOf(address: string): string {
  const host = address.includes('://') ? new URL(address).hostname : address.replace(/:\d+$/, '');
  return host.replace(/^\[(.*)\]$/, '$1');
}

export function sameMachine(a: string, b: string): boolean {
  return a === b || (isLoopback(a) && isLoopback(b));
}

/** Whoever connects there connects to itself. */
export function leadsToItself(host: string): boolean {
  return isLoopback(host) || host === '0.0.0.0' || host === '::';
}

// Asking workers so that none of them can hold the doctor up: every question is bounded in time and in bytes, and no answer is null.
import { connect } from 'node:net';
import { isLoopback } from '#core/config.ts';
import { baseOf, type Base } from '../edge/base.ts';
import type { Upstream } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Reach } from './facts.ts';
import { hostOf, leadsToItself } from './hosts.ts';

/** The outcome of `work`, or `otherwise` when it fails or takes longer. The timer keeps the process alive meanwhile. */
export async function within<T>(ms: number, work: Promise<T>, otherwise: T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  const timer = setTimeout(resolve, ms, otherwise);
  work.then(resolve, () => {
    resolve(otherwise);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an address takes TCP connections; nothing is sent. */
export async function reach(host: string, port: number, ms: number): Promise<Reach> {
  const { promise, resolve } = Promise.withResolvers<Reach>();
  try {
    const socket = connect({ host, port });
    socket.on('connect', () => {
      resolve('open');
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'unresolved' : 'closed');
    });
    return await within<Reach>(ms, promise, 'closed').finally(() => {
      socket.destroy();
    });
  } catch {
    return 'closed'; // no port
  }
}

/**
 * The same for an address that the worker at `teller` (its URL, or host:port) tells others. One that leads whoever dials it to itself
 * can be tried only where that worker runs.
 */
export function reachTold(teller: string, host: string, port: number): Promise<Reach> {
  if (leadsToItself(host) && !isLoopback(hostOf(teller))) return Promise.resolve('untried');
  return reach(host, port, ROUTER_LIMITS.doctorAskMs);
}

/** GETs of one server. */
export class Pages {
  private readonly upstream: Upstream;
  private readonly base: Base;

  constructor(upstream: Upstream, url: string) {
    this.upstream = upstream;
    this.base = baseOf(url);
  }

  /** Its status. */
  status(path: string): Promise<number | null> {
    const ms = ROUTER_LIMITS.doctorAskMs;
    return within(ms, this.upstream.probe(this.base.origin, this.base.path + path, ms), null);
  }

  /** The text of a 200. */
  async text(path: string, ms: number = ROUTER_LIMITS.doctorAskMs): Promise<string | null> {
    const page = this.upstream.read(
      this.base.origin,
      this.base.path + path,
      ms,
      ROUTER_LIMITS.doctorBytesMax,
    );
    const answer = await within(ms, page, null);
    return answer?.status === 200 ? answer.body.toString('utf8') : null;
  }

  async json(path: string, ms?: number): Promise<unknown> {
    return parsed(await this.text(path, ms));
  }
}

export function parsed(text: string | null): unknown {
  try {
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

/** What stands at a path of some JSON; undefined: nothing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

const TEXT_MAX = 120;

/** A worker's text, no longer than a line can hold. */
export function short(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_MAX) : null;
}

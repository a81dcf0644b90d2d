// What a process holds, as the kernel tells: after a fault it is back at what it was.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Cluster, Member } from '#cli/cluster.ts';
import { untilBaseline } from './deployment.ts';
import { metricAt } from './metrics.ts';
import { until } from './ready.ts';

export interface Held {
  pid: number;
  /** What each descriptor is. */
  fds: string[];
  threads: number;
  /** Memory of its own; the arena is shared and stays. */
  anonBytes: number;
}

export function heldBy(pid: number): Held {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return { pid, fds: fdsOf(pid), threads: field('Threads'), anonBytes: field('RssAnon') * 1024 };
}

function fdsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/:\[\d+\]$/, '')];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** Growth that a collector of garbage may leave for later. */
const GROWTH_BYTES = 64 << 20;
/** Idle connections between router and engines are kept for 10 s, to clients of these tests for 4 s. */
const BACK_MS = 30_000;

/** Processes that live, by name: those of the cluster, without the engine that only gives right answers. */
function living(cluster: Cluster): Member[] {
  const names = [cluster.router, ...cluster.services, ...cluster.engines].flatMap((m) => m?.name ?? []);
  return names
    .map((name) => cluster.member(name))
    .filter(({ child, name }) => name !== 'alone' && child.alive);
}

/** What a deployment holds at rest, and waiting until it is there again. */
export class Baseline {
  readonly #cluster: Cluster;
  readonly #held = new Map<string, AtRest>();

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** To be taken after a first request: pools of threads and connections have grown by then. */
  static async of(cluster: Cluster): Promise<Baseline> {
    const baseline = new Baseline(cluster);
    await baseline.renew();
    return baseline;
  }

  /** Takes what processes hold that were started again, after a first request of theirs. */
  async renew(): Promise<void> {
    await untilIdle(this.#cluster);
    for (const member of living(this.#cluster)) {
      const { name, child } = member;
      if (this.#held.get(name)?.pid !== child.pid) this.#held.set(name, await atRest(member));
    }
  }

  /**
   * Waits until nothing of any request is left: slots, pins, tickets, pages, counts in flight; then until each process holds no
   * more descriptors, threads and memory than before.
   */
  async restored(): Promise<void> {
    await untilIdle(this.#cluster);
    for (const member of living(this.#cluster)) {
      const { name, child } = member;
      const before = this.#held.get(name);
      if (before?.pid !== child.pid) continue;
      const seen: string[] = [];
      const back = async (): Promise<boolean> => {
        const now = await atRest(member);
        seen.splice(0, seen.length, difference(before, now));
        return seen[0] === '';
      };
      await until(`${name} holds no more than before`, back, BACK_MS).catch((error: unknown) => {
        throw new Error(`${name}: ${seen.join('')}`, { cause: error });
      });
    }
  }
}

/** Of a service, the lanes among its descriptors: they stay for later tickets, and some pairs first meet under fire. */
interface AtRest extends Held {
  lanes: number;
}

async function atRest({ role, adminUrl, child }: Member): Promise<AtRest> {
  const lanes = role === 'transfer' ? await metricAt(adminUrl ?? '', 'baton_transfer_lanes_up') : 0;
  return { ...heldBy(child.pid), lanes };
}

function difference(before: AtRest, now: AtRest): string {
  const allowed = before.fds.length + Math.max(0, now.lanes - before.lanes);
  const more = [...now.fds];
  for (const fd of before.fds) if (more.includes(fd)) more.splice(more.indexOf(fd), 1);
  const grown = now.anonBytes - before.anonBytes;
  return [
    now.fds.length > allowed ? `${now.fds.length - before.fds.length} more descriptors, of ${more.join(', ')}` : '',
    now.threads > before.threads ? `${now.threads - before.threads} more threads` : '',
    grown > GROWTH_BYTES ? `${grown >> 20} MiB more memory` : '',
  ].filter(Boolean).join('; '); // prettier-ignore
}

/** Nothing of any request is left at whoever lives. */
export async function untilIdle(cluster: Cluster): Promise<void> {
  const members = living(cluster);
  const services = members.filter(({ role }) => role === 'transfer').map(({ name }) => name);
  await untilBaseline(cluster, services);
  for (const { name, role, url, adminUrl } of members) {
    if (role === 'transfer') continue;
    const gauges = role === 'router' ? ROUTER_GAUGES : ENGINE_GAUGES;
    for (const gauge of gauges) {
      await until(`${gauge} of ${name} is 0`, async () => (await metricAt(adminUrl ?? url, gauge)) === 0);
    }
  }
}

const ROUTER_GAUGES = [
  'baton_router_requests_in_flight',
  'baton_router_bytes_in_flight',
  'baton_router_tokens_in_flight',
];
const ENGINE_GAUGES = [
  'baton_engine_requests_running',
  'baton_engine_requests_waiting',
  'baton_engine_requests_loading',
  'baton_engine_kv_pages_used',
];

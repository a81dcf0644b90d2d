// Memory of each process, life by life: after it has warmed up it must not grow.
import type { Cluster } from '#cli/cluster.ts';
import { heldBy } from '../support/resources.ts';

interface Sample {
  at: number;
  bytes: number;
}

/** A life is looked at once it has lasted so long, from its warm-up's end on, s. */
const WARM_S = 60;
const LOOKED_AT_S = 120;
/** What a collector of garbage may leave for later, and how fast what is longer than that may grow. */
const SLACK_BYTES = 24 << 20;
const SLOPE_MAX = (2 << 20) / 60;

export interface Life {
  name: string;
  pid: number;
  seconds: number;
  fromMiB: number;
  toMiB: number;
  /** MiB per minute: least squares over all samples after the warm-up. */
  slope: number;
  flat: boolean;
}

export class MemoryWatch {
  readonly #cluster: Cluster;
  readonly #lives = new Map<string, Sample[]>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  sample(): void {
    const { router, services, engines } = this.#cluster;
    const at = performance.now() / 1000;
    for (const { name } of [...(router === null ? [] : [router]), ...services, ...engines]) {
      const { child } = this.#cluster.member(name);
      if (!child.alive) continue;
      const key = `${name} ${child.pid}`;
      const life = this.#lives.get(key) ?? [];
      this.#lives.set(key, life);
      life.push({ at, bytes: heldBy(child.pid).anonBytes });
    }
  }

  /** Those that lasted long enough to say anything. */
  lives(): Life[] {
    return [...this.#lives].flatMap(([key, samples]) => {
      const [name = '', pid = ''] = key.split(' ');
      const life = lifeOf(samples);
      return life === null ? [] : [{ name, pid: Number(pid), ...life }];
    });
  }
}

/** Samples without a number are of a process that was ending. */
export function lifeOf(taken: readonly Sample[]): Omit<Life, 'name' | 'pid'> | null {
  const samples = taken.filter(({ bytes }) => Number.isFinite(bytes));
  const born = samples[0]?.at ?? 0;
  const warm = samples.filter(({ at }) => at - born >= WARM_S);
  const [first, last] = [warm[0], warm.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < LOOKED_AT_S) return null;
  const slope = slopeOf(warm);
  return {
    seconds: Math.round(last.at - born),
    fromMiB: mib(first.bytes),
    toMiB: mib(last.bytes),
    slope: Math.round(((slope * 60) / (1 << 20)) * 100) / 100,
    flat: slope * (last.at - first.at) <= SLACK_BYTES || slope <= SLOPE_MAX,
  };
}

const mib = (bytes: number): number => Math.round(bytes / (1 << 20));

/** Bytes per second. */
function slopeOf(samples: readonly Sample[]): number {
  const n = samples.length;
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / n;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / n;
  const over = samples.reduce((sum, { at, bytes }) => sum + (at - meanAt) * (bytes - meanBytes), 0);
  return over / samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
}

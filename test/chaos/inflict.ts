// Does what the schedule says, each thing at its time; what concerns one process in order. Remembers when the router was not there.
import { setTimeout as pause } from 'node:timers/promises';
import type { Arena } from './deployment.ts';
import type { Blow } from './schedule.ts';

interface Span {
  from: number;
  to: number;
}

export class Inflictor {
  readonly #arena: Arena;
  readonly #queues = new Map<string, Promise<void>>();
  readonly #failed: (text: string) => void;
  readonly #away: Span[] = [];
  readonly counts = new Map<string, number>();

  /** `failed`: a process did not come back. */
  constructor(arena: Arena, failed: (text: string) => void) {
    this.#arena = arena;
    this.#failed = failed;
  }

  /** Resolves when everything has been done and is over. */
  async run(blows: readonly Blow[], log: (blow: Blow) => void): Promise<void> {
    const start = performance.now();
    for (const blow of blows) {
      await pause(Math.max(0, start + blow.atMs - performance.now()));
      log(blow);
      const done = (this.#queues.get(blow.target) ?? Promise.resolve()).then(() => this.#inflict(blow));
      this.#queues.set(
        blow.target,
        done.catch((error: unknown) => {
          this.#failed(`${blow.kind} ${blow.target}: ${error instanceof Error ? error.message : 'failed'}`);
        }),
      );
    }
    await Promise.all(this.#queues.values());
  }

  /** Milliseconds between the two times in which the router was stopped or dead. */
  routerAwayMs(from: number, to: number): number {
    return this.#away.reduce((sum, span) => sum + Math.max(0, Math.min(to, span.to) - Math.max(from, span.from)), 0);
  } // prettier-ignore

  async #inflict(blow: Blow): Promise<void> {
    const { kind, target } = blow;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    if (kind === 'cut') this.#arena.link(target).cut();
    else if (kind === 'hold') {
      const link = this.#arena.link(target);
      link.fault = { hold: blow.way };
      await pause(blow.lastsMs);
      link.fault = {};
    } else {
      const span = { from: performance.now(), to: Infinity };
      if (target === 'router') this.#away.push(span);
      if (kind === 'kill') await this.#kill(target, blow.lastsMs);
      else await this.#stop(target, blow.lastsMs);
      span.to = performance.now();
    }
  }

  async #kill(name: string, ms: number): Promise<void> {
    const { cluster } = this.#arena;
    const { child } = cluster.member(name);
    child.signal('SIGKILL');
    await child.exited;
    await pause(ms);
    await cluster.restart(name);
  }

  async #stop(name: string, ms: number): Promise<void> {
    const { child } = this.#arena.cluster.member(name);
    child.signal('SIGSTOP');
    await pause(ms);
    child.signal('SIGCONT');
  }
}

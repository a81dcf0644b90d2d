// A process of the simulation: its clock of its own speed and start, and what a kill and a SIGSTOP mean. Everything that happens
// to it comes through `deliver`.
import type { Clock } from '#core/clock.ts';
import type { Timeline } from './clock.ts';

export class Process {
  readonly pid: number;
  readonly name: string;
  /** Node's name: what lies between two processes of one node is not the network. */
  readonly node: string;
  readonly clock: Clock;
  alive = true;
  #stopped = false;
  #held: (() => void)[] = [];
  readonly #onDeath = new Set<() => void>();
  readonly #timeline: Timeline;

  /** `speed`: milliseconds of its clock per virtual one. */
  constructor(timeline: Timeline, pid: number, name: string, node: string, speed: number, start: number) {
    this.pid = pid;
    this.name = name;
    this.node = node;
    this.#timeline = timeline;
    this.clock = {
      now: () => start + timeline.now * speed,
      after: (ms, work) => {
        let cancelled = false;
        const timer = timeline.after(ms / speed, () => { this.deliver(() => { if (!cancelled) work(); }); });
        return { cancel: () => { cancelled = true; timer.cancel(); } };
      },
    }; // prettier-ignore
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Something happens to it: now, when it goes on, or never. */
  deliver(work: () => void): void {
    if (!this.alive) return;
    if (this.#stopped) this.#held.push(work);
    else work();
  }

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    if (!this.#stopped || !this.alive) return;
    this.#stopped = false;
    const held = this.#held;
    this.#held = [];
    // One after the other, each with all that follows from it.
    for (const work of held) this.#timeline.after(0, () => { this.deliver(work); }); // prettier-ignore
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#stopped = false;
    this.#held = [];
    for (const work of [...this.#onDeath]) work();
    this.#onDeath.clear();
  }

  onDeath(work: () => void): () => void {
    this.#onDeath.add(work);
    return () => this.#onDeath.delete(work);
  }
}

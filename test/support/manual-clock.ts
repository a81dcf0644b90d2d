// Time that goes on only where a test says so.
import type { Clock, Timer } from '#core/clock.ts';

export class ManualClock implements Clock {
  private time = 0;
  private readonly timers = new Set<{ at: number; work: () => void }>();
  readonly now = (): number => this.time;

  after(ms: number, work: () => void): Timer {
    const timer = { at: this.time + ms, work };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /** Goes on by `ms`, running what is due on the way in its order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const [due] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.timers.delete(due);
      this.time = due.at;
      due.work();
    }
    this.time = end;
  }
}

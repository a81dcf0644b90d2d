// Answers that are not yet with those who asked: written perhaps, but not taken. A process that drains waits for them before it
// closes its connections, which would cut them short.
import type { Clock } from './clock.ts';

/** What Node's ServerResponse tells: all of it was taken, or its connection has ended. */
interface Answer {
  once(event: 'close', work: () => void): unknown;
}

export class OpenAnswers {
  readonly #open = new Set<Answer>();
  readonly #waiting = new Set<(answer: Answer) => void>();

  add(answer: Answer): void {
    this.#open.add(answer);
    answer.once('close', () => {
      this.#open.delete(answer);
      for (const tell of this.#waiting) tell(answer);
    });
  }

  /** Resolves when those that are open now have been taken or given up, at the latest after `ms`. */
  taken(ms: number, clock: Clock): Promise<void> {
    const left = new Set(this.#open);
    if (left.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#waiting.delete(tell);
        resolve();
      };
      const tell = (answer: Answer): void => {
        left.delete(answer);
        if (left.size === 0) done();
      };
      const timer = clock.after(ms, done);
      this.#waiting.add(tell);
    });
  }
}

// Deadlines of live tickets on the bus's own clock (native/src/bus/leases.cc): expiry needs no JavaScript.
import type { Clock, Timer } from '#core/clock.ts';

export class Leases {
  readonly #clock: Clock;
  readonly #expired: (ticket: string) => void;
  readonly #due = new Map<string, number>();
  #timer: Timer | null = null;
  #armedFor = 0;

  constructor(clock: Clock, expired: (ticket: string) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  end(): void {
    this.#timer?.cancel();
  }

  set(ticket: string, leaseMs: number): void {
    this.#due.set(ticket, this.#clock.now() + leaseMs);
    this.#arm();
  }

  drop(ticket: string): void {
    this.#due.delete(ticket);
  }

  /** The earliest; of equals, the ticket whose id comes first. */
  #first(): [string, number] | null {
    let first: [string, number] | null = null;
    for (const [id, due] of this.#due) {
      if (first === null || due < first[1] || (due === first[1] && id < first[0])) first = [id, due];
    }
    return first;
  }

  /** The timer is left running when its lease is dropped; it then finds nothing due and is set for the next. */
  #arm(): void {
    const due = this.#first()?.[1];
    if (due === undefined || (this.#timer !== null && this.#armedFor <= due)) return;
    this.#timer?.cancel();
    this.#armedFor = due;
    this.#timer = this.#clock.after(Math.max(0, due - this.#clock.now()), () => {
      this.#fire();
    });
  }

  #fire(): void {
    this.#timer = null;
    const now = this.#clock.now();
    for (let first = this.#first(); first !== null && first[1] <= now; first = this.#first()) {
      this.drop(first[0]);
      this.#expired(first[0]);
    }
    this.#arm();
  }
}

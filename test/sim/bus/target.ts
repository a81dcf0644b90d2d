// Where a target ticket's runs go, and what has landed of each chunk (native/src/bus/target.cc).
import type { Store } from './arena.ts';
import type { Place, Run } from './contract.ts';
import { stripesOf } from './geometry.ts';
import { reason, type Ticket } from './ticket.ts';

export const nowhere = (why: number): Place => ({ write: null, key: '', heads: 1, reason: why });

export class Target {
  readonly #ticket: Ticket;
  readonly #store: Store;
  readonly #landed = new Map<number, boolean[]>(); // by stripe

  constructor(ticket: Ticket, store: Store) {
    this.#ticket = ticket;
    this.#store = store;
  }

  place(run: Run): Place {
    const chunk = this.#ticket.chunks[run.chunk];
    const stripes = stripesOf(this.#ticket.geometry);
    if (chunk === undefined || run.first >= stripes || run.count > stripes - run.first) {
      return nowhere(reason('malformed'));
    }
    if (run.length !== this.#ticket.stripeBytes(run.chunk) * run.count || !chunk.needed) {
      return nowhere(reason('malformed'));
    }
    if (chunk.done) return nowhere(0); // sealed: announced again because its acknowledgement was lost
    const landed = this.#landedOf(run.chunk);
    if (landed.slice(run.first, run.first + run.count).every(Boolean)) return nowhere(0);
    // Until they are verified anew, these stripes have not landed.
    landed.fill(false, run.first, run.first + run.count);
    this.#store.filling(chunk.slot);
    const { slot, key } = chunk;
    const write = (stripe: number, value: string): void => {
      this.#store.slot(slot).values[stripe] = value;
    };
    return { write, key, heads: this.#ticket.geometry.heads, reason: 0 };
  }

  /** Verified bytes stand in place. True when that completed the chunk. */
  landed(run: Run, now: number): boolean {
    const { slot } = this.#ticket.chunk(run.chunk);
    const { digests } = this.#store.slot(slot);
    run.digests.forEach((digest, i) => (digests[run.first + i] = digest));
    this.#store.setFilled(slot, run.first, run.count);
    this.#ticket.bytesIn += run.length;
    const { heads } = this.#ticket.geometry;
    const last = Math.floor((run.first + run.count - 1) / heads);
    for (let l = Math.floor(run.first / heads); l <= last; l++) this.#ticket.layer(l).landed = now;
    const landed = this.#landedOf(run.chunk);
    landed.fill(true, run.first, run.first + run.count);
    return landed.every(Boolean);
  }

  #landedOf(chunk: number): boolean[] {
    const landed = this.#landed.get(chunk) ?? Array<boolean>(stripesOf(this.#ticket.geometry)).fill(false);
    this.#landed.set(chunk, landed);
    return landed;
  }
}

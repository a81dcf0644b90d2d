// What a source ticket sends next (native/src/bus/source.cc): stripes in the order in which they became ready, joined into
// runs, until each is acknowledged.
import { NO_SLOT, type Store } from './arena.ts';
import type { Run } from './contract.ts';
import { digestOf, stripesOf } from './geometry.ts';
import { BOUNDS } from './limits.ts';
import type { Ticket } from './ticket.ts';

interface Span {
  chunk: number;
  first: number;
  count: number;
}

interface Progress {
  ready: boolean[];
  acknowledged: boolean[];
  last: Span | null; // its newest span, while that is queued
}

export class Source {
  readonly #ticket: Ticket;
  readonly #store: Store;
  readonly #progress = new Map<number, Progress>();
  #queue: Span[] = [];
  readonly #resends = new Map<string, number>();
  inFlight = 0;
  inTurn = false; // among those that the lane serves by turns

  constructor(ticket: Ticket, store: Store) {
    this.#ticket = ticket;
    this.#store = store;
  }

  get waiting(): boolean {
    return this.#queue.length > 0;
  }

  ready(chunk: number, layer: number): void {
    const { heads } = this.#ticket.geometry;
    this.#progressOf(chunk).ready.fill(true, layer * heads, (layer + 1) * heads);
    this.#enqueue(chunk, layer * heads, heads);
  }

  readyAll(chunk: number): void {
    const stripes = stripesOf(this.#ticket.geometry);
    this.#progressOf(chunk).ready.fill(true);
    this.#enqueue(chunk, 0, stripes);
  }

  next(): Run {
    const span = this.#front();
    const { id, epoch } = this.#ticket;
    const slot = this.#ticket.chunk(span.chunk).slot;
    const stripe = this.#ticket.stripeBytes(span.chunk);
    const fit = Math.max(1, Math.floor(BOUNDS.runBytes / stripe));
    const count = Math.min(span.count, fit, BOUNDS.stripesPerRun);
    const { first } = span;
    const store = this.#store;
    return {
      ticket: id,
      epoch,
      chunk: span.chunk,
      first,
      count,
      length: count * stripe,
      digests: store.slot(slot).digests.slice(first, first + count),
      read: () => store.slot(slot).values.slice(first, first + count),
    };
  }

  handedOver(run: Run): void {
    const span = this.#front();
    span.first += run.count;
    span.count -= run.count;
    if (span.count === 0) {
      this.#queue.shift();
      const progress = this.#progressOf(span.chunk);
      if (progress.last === span) progress.last = null;
    }
    this.inFlight++;
  }

  firstByte(run: Run, now: number): void {
    this.#ticket.bytesOut += run.length;
    const { heads } = this.#ticket.geometry;
    const last = Math.floor((run.first + run.count - 1) / heads);
    for (let l = Math.floor(run.first / heads); l <= last; l++) this.#ticket.layer(l).out ??= now;
  }

  /** The target has it. True when that completed the chunk. */
  acknowledged(run: Run): boolean {
    if (this.inFlight > 0) this.inFlight--;
    const { acknowledged } = this.#progressOf(run.chunk);
    if (acknowledged.every(Boolean)) return false;
    acknowledged.fill(true, run.first, run.first + run.count);
    return acknowledged.every(Boolean);
  }

  /** The target found other bytes than announced: once more, unless that was the bound. */
  again(run: Run): boolean {
    if (this.inFlight > 0) this.inFlight--;
    const place = `${run.chunk}/${run.first}`;
    const times = (this.#resends.get(place) ?? 0) + 1;
    this.#resends.set(place, times);
    if (times > BOUNDS.resendsPerRun) return false;
    this.#ticket.runsResent++;
    this.#enqueue(run.chunk, run.first, run.count);
    return true;
  }

  /** The lane is gone: everything ready and not acknowledged is due again. */
  laneLost(): void {
    this.inFlight = 0;
    this.#queue = [];
    const chunks = [...this.#progress.keys()].sort((a, b) => a - b);
    for (const chunk of chunks) {
      const progress = this.#progressOf(chunk);
      progress.last = null;
      if (this.#ticket.chunk(chunk).done) continue;
      progress.ready.forEach((ready, s) => {
        if (ready && progress.acknowledged[s] === false) this.#enqueue(chunk, s, 1);
      });
    }
  }

  /** Whether the stripes in the arena still have the digests they were announced with. */
  intact(chunk: number): boolean {
    const { slot, key } = this.#ticket.chunk(chunk);
    if (slot === NO_SLOT) return true;
    const { heads } = this.#ticket.geometry;
    const { values, digests } = this.#store.slot(slot);
    return this.#progressOf(chunk).ready.every(
      (ready, s) => !ready || digestOf(key, Math.floor(s / heads), s % heads, values[s] ?? '') === digests[s],
    );
  }

  #front(): Span {
    const span = this.#queue[0];
    if (span === undefined) throw new Error('nothing waits to be sent');
    return span;
  }

  #progressOf(chunk: number): Progress {
    let progress = this.#progress.get(chunk);
    if (progress === undefined) {
      const none = (): boolean[] => Array<boolean>(stripesOf(this.#ticket.geometry)).fill(false);
      progress = { ready: none(), acknowledged: none(), last: null };
      this.#progress.set(chunk, progress);
    }
    return progress;
  }

  /** Stripes that follow the chunk's last queued ones join them; next() cuts runs to size. */
  #enqueue(chunk: number, first: number, count: number): void {
    const progress = this.#progressOf(chunk);
    if (progress.last !== null && progress.last.first + progress.last.count === first) {
      progress.last.count += count;
      return;
    }
    progress.last = { chunk, first, count };
    this.#queue.push(progress.last);
  }
}

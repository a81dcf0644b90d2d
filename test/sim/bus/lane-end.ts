// One end of one lane: runs and words wait for the end of the turn, go out in order, and what has gone out waits for its
// verdict (native/src/path/tcp/connection.cc and sender.cc, as far as the bus can tell).
import type { Timer } from '#core/clock.ts';
import {
  LANDING, type Lane, type LaneMessage, type LaneSink, type Landing, type ListenOptions, type Place, type Run, type Side,
} from './contract.ts'; // prettier-ignore
import { digestOf } from './geometry.ts';
import { nowhere } from './target.ts';
import { reason } from './ticket.ts';

type Out = { kind: 'run'; run: Run; begun: boolean } | Exclude<LaneMessage, { kind: 'run' }>;
type Stage = 'waiting' | 'up' | 'ended';

/** What carries this end's messages. */
export interface Carrier {
  /** To an end that is no more it vanishes. */
  send(from: Side, message: LaneMessage): void;
  ended(end: LaneEnd, reset: boolean): void;
  /** Whether heartbeats of the other end reach this side. */
  hears(side: Side): boolean;
}

const sameRun = (a: Run, b: Run): boolean =>
  a.ticket === b.ticket &&
  a.epoch === b.epoch &&
  a.chunk === b.chunk &&
  a.first === b.first &&
  a.count === b.count;

export class LaneEnd implements Lane {
  readonly id: number;
  readonly peer: string;
  readonly side: Side;
  readonly options: ListenOptions;
  peerIncarnation: bigint;
  stage: Stage = 'waiting';
  needed = false;
  heardAt: number;
  /** Where the payload that is arriving goes. */
  arriving: { run: Run; place: Place } | null = null;
  readonly #sink: LaneSink;
  readonly #carrier: Carrier;
  readonly #window: number;
  #queue: Out[] = [];
  #inFlight: Run[] = [];
  #starved = false;
  #clogged = false;
  #writing: Timer | null = null;
  #silence: Timer | null = null;

  constructor(
    id: number, peer: string, incarnation: bigint, side: Side, options: ListenOptions, sink: LaneSink, carrier: Carrier,
    window: number,
  ) {
    this.id = id;
    this.peer = peer;
    this.peerIncarnation = incarnation;
    this.side = side;
    this.options = options;
    this.heardAt = options.clock.now();
    this.#sink = sink;
    this.#carrier = carrier;
    this.#window = window;
  } // prettier-ignore

  get up(): boolean {
    return this.stage === 'up';
  }

  comeUp(): void {
    this.stage = 'up';
    if (this.side === 'dialler') this.#push({ kind: 'ready' });
    this.#sink.up(this.id);
  }

  announce(run: Run): boolean {
    if (!this.up) return false;
    if (!this.#room()) {
      this.#starved = true;
      return false;
    }
    this.#push({ kind: 'run', run, begun: false });
    return true;
  }

  cancel(ticket: string, epoch: number, why: number, quiesced: boolean): void {
    if (!this.up) return;
    this.#queue = this.#queue.filter((out) => out.kind !== 'run' || out.begun || out.run.ticket !== ticket);
    // The rest of a payload that is arriving is thrown away: after this nothing is written to its place.
    const place = this.arriving?.run.ticket === ticket ? this.arriving.place : null;
    if (this.arriving !== null && place !== null && place.write !== null) {
      this.arriving.place = nowhere(reason('ended_ticket'));
    }
    this.#push({ kind: quiesced ? 'quiesced' : 'cancel', ticket, epoch, reason: why });
  }

  /** The head of a run: where does it go? */
  head(run: Run): void {
    this.heardAt = this.options.clock.now();
    const place = this.up ? this.#sink.place(this.id, run) : nowhere(reason('malformed'));
    this.arriving = { run, place };
  }

  /** Its payload. */
  payload(values: readonly string[]): void {
    this.heardAt = this.options.clock.now();
    if (this.arriving === null) return;
    const { run, place } = this.arriving;
    this.arriving = null;
    const { write } = place;
    if (write === null) {
      this.#acknowledge(run, place.reason === 0 ? LANDING.ok : LANDING.refused, place.reason);
      return;
    }
    const wrong = values.filter((value, i) => {
      const stripe = run.first + i;
      write(stripe, value);
      const digest = digestOf(place.key, Math.floor(stripe / place.heads), stripe % place.heads, value);
      return this.options.verify && digest !== run.digests[i];
    });
    const landing = wrong.length === 0 ? LANDING.ok : LANDING.wrongBytes;
    this.#sink.landed(this.id, run, landing);
    this.#acknowledge(run, landing, 0);
  }

  word(message: Exclude<LaneMessage, { kind: 'run' | 'ready' }>): void {
    this.heardAt = this.options.clock.now();
    if (!this.up) return;
    if (message.kind !== 'ack') {
      this.#sink.cancelled(
        this.id,
        message.ticket,
        message.epoch,
        message.reason,
        message.kind === 'quiesced',
      );
      return;
    }
    // A verdict on nothing in flight is late or invented; either way it completes nothing.
    const at = this.#inFlight.findIndex((run) => sameRun(run, message.run));
    const [run] = at < 0 ? [] : this.#inFlight.splice(at, 1);
    if (run !== undefined) this.#sink.acknowledged(this.id, run, message.landing, message.reason);
    this.#tellWritable();
  }

  clog(clogged: boolean): void {
    this.#clogged = clogged;
    if (this.up) this.#writeSoon();
  }

  need(needed: boolean): void {
    if (needed && !this.needed) this.heardAt = this.options.clock.now();
    this.needed = needed;
  }

  /** While it is needed and hears nothing, it ends after the silence that is allowed. */
  watchSilence(): void {
    const { clock, silenceMs } = this.options;
    this.#silence?.cancel();
    this.#silence = clock.after(silenceMs / 4, () => {
      if (this.#carrier.hears(this.side)) this.heardAt = clock.now();
      if (this.needed && clock.now() - this.heardAt >= silenceMs) this.end(reason('lane_lost'), true);
      else this.watchSilence();
    });
  }

  end(why: number, retryable: boolean): void {
    if (this.stage === 'ended') return;
    const { up } = this;
    this.#over(up);
    if (up || this.side === 'dialler') this.#sink.down(this.id, why, retryable);
  }

  /** Ends it without telling the sink; `flush`: after a last attempt to send what waits. */
  close(flush: boolean): void {
    if (this.stage === 'ended') return;
    if (flush && this.up && !this.#clogged) for (const out of this.#queue) this.#carry(out);
    this.#over(false);
  }

  #over(reset: boolean): void {
    this.stage = 'ended';
    this.#writing?.cancel();
    this.#silence?.cancel();
    this.arriving = null;
    this.#carrier.ended(this, reset);
  }

  #room(): boolean {
    return (
      this.#inFlight.length + this.#queue.filter((out) => out.kind === 'run' && !out.begun).length <
      this.#window
    );
  }

  #push(out: Out): void {
    this.#queue.push(out);
    this.#writeSoon();
  }

  /** At the end of this turn, so that all that is said in one turn goes out together. */
  #writeSoon(): void {
    this.#writing ??= this.options.clock.after(0, () => {
      this.#writing = null;
      this.#write();
    });
  }

  #write(): void {
    if (this.#clogged) {
      const first = this.#queue[0];
      if (first !== undefined) this.#begin(first);
      return;
    }
    const waiting = this.#queue;
    this.#queue = [];
    for (const out of waiting) {
      this.#carry(out);
      this.#begin(out);
    }
    this.#tellWritable();
  }

  /** Its first byte has gone out: from now on it waits for its verdict. */
  #begin(out: Out): void {
    if (out.kind !== 'run' || out.begun) return;
    out.begun = true;
    this.#inFlight.push(out.run);
    this.#sink.sending(this.id, out.run);
  }

  #carry(out: Out): void {
    this.#carrier.send(
      this.side,
      out.kind === 'run' ? { kind: 'run', run: out.run, values: out.run.read() } : out,
    );
  }

  #acknowledge(run: Run, landing: Landing, why: number): void {
    if (this.up) this.#push({ kind: 'ack', run, landing, reason: why });
  }

  #tellWritable(): void {
    if (!this.#starved || !this.#room()) return;
    this.#starved = false;
    this.#sink.writable(this.id);
  }
}

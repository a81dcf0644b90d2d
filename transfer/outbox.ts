// What waits to be sent on a control stream: one batch per event-loop turn, bounded in messages and bytes per batch; a
// peer that does not read fills the bound and is cut.
import { LIMITS } from '#core/limits.ts';

export interface OutboxOptions<M> {
  /** Bytes of a message, about. */
  weigh(message: M): number;
  /** Sends one batch; `sent` is called once it has left this process. */
  write(batch: M[], bytes: number, sent: () => void): void;
  /** The bound is reached: nothing more is sent. */
  overflow(): void;
  /** Runs work at the end of the current turn. */
  turn?: (work: () => void) => void;
  unsentBytesMax?: number;
}

// Batches handed to the stream and not yet gone; more would only move the waiting into its buffers.
const BATCHES_IN_FLIGHT = 4;

export class Outbox<M> {
  readonly #options: OutboxOptions<M>;
  readonly #turn: (work: () => void) => void;
  readonly #unsentMax: number;
  #waiting: { message: M; bytes: number }[] = [];
  #waitingBytes = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  #scheduled = false;
  #closed = false;

  constructor(options: OutboxOptions<M>) {
    this.#options = options;
    this.#turn = options.turn ?? ((work) => void setImmediate(work));
    this.#unsentMax = options.unsentBytesMax ?? LIMITS.streamBufferBytesMax;
  }

  get unsentBytes(): number {
    return this.#waitingBytes + this.#inFlightBytes;
  }

  push(message: M): void {
    if (this.#closed) return;
    const bytes = this.#options.weigh(message);
    if (this.unsentBytes + bytes > this.#unsentMax) {
      this.close();
      this.#options.overflow();
      return;
    }
    this.#waiting.push({ message, bytes });
    this.#waitingBytes += bytes;
    this.#schedule();
  }

  /** Sends what waits now, as far as the stream takes it. */
  flush(): void {
    while (!this.#closed && this.#waiting.length > 0 && this.#inFlight < BATCHES_IN_FLIGHT) {
      const { batch, bytes } = this.#take();
      this.#inFlight++;
      this.#inFlightBytes += bytes;
      this.#options.write(batch, bytes, () => {
        this.#inFlight--;
        this.#inFlightBytes -= bytes;
        if (this.#waiting.length > 0) this.#schedule();
      });
    }
  }

  /** Forgets what waits. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #take(): { batch: M[]; bytes: number } {
    let count = 0;
    let bytes = 0;
    for (const { bytes: next } of this.#waiting) {
      if (count === LIMITS.batchMessagesMax) break;
      if (count > 0 && bytes + next > LIMITS.batchBytesMax) break;
      count++;
      bytes += next;
    }
    this.#waitingBytes -= bytes;
    return { batch: this.#waiting.splice(0, count).map(({ message }) => message), bytes };
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#turn(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}

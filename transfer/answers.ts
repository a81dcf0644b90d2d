// Answers to Open and Expect that a router waits for: each comes, is given up within its bound, or is lost with the stream.
import { Role, type Granted as GrantedMessage } from '#proto/gen/baton/v1/transfer.ts';
import type { Clock, Timer } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { hex } from '#core/ids.ts';
import { LIMITS } from '#core/limits.ts';
import type { Granted, Report } from './link.ts';
import { toGranted } from './wire.ts';

type Kind = 'open' | 'expect';

interface Waiting {
  ticket: Uint8Array;
  resolve(granted: Granted): void;
  reject(error: BatonError): void;
  timer: Timer;
}

export class Answers {
  readonly #waiting = new Map<string, Waiting>();
  readonly #clock: Clock;
  readonly #giveUp: (ticket: Uint8Array) => void;

  /** `giveUp` is told of a ticket whose answer did not come within its bound. */
  constructor(clock: Clock, giveUp: (ticket: Uint8Array) => void) {
    this.#clock = clock;
    this.#giveUp = giveUp;
  }

  /** `fresh`: the ask is to be sent; else the promise is refused already. */
  wait(kind: Kind, ticket: Uint8Array, ms: number): { fresh: boolean; promise: Promise<Granted> } {
    const id = `${kind} ${hex(ticket)}`;
    const flaw = this.#waiting.has(id) ? 'duplicate_ticket' : this.#waiting.size >= LIMITS.ticketsPerStreamMax ? 'busy' : null; // prettier-ignore
    if (flaw !== null) return { fresh: false, promise: Promise.reject(new BatonError(flaw)) };
    const { promise, resolve, reject } = Promise.withResolvers<Granted>();
    const timer = this.#clock.after(ms, () => {
      this.#waiting.delete(id);
      reject(new BatonError('service_lost', `no answer to ${kind} within ${ms} ms`));
      this.#giveUp(ticket);
    });
    this.#waiting.set(id, { ticket, resolve, reject, timer });
    return { fresh: true, promise };
  }

  granted(message: GrantedMessage): void {
    const kind: Kind = message.role === Role.ROLE_SOURCE ? 'expect' : 'open';
    this.#take(`${kind} ${hex(message.ticket)}`)?.resolve(toGranted(message));
  }

  /** A ticket's last word came before its answer: the answer will not come. */
  ended(report: Report): void {
    const kind: Kind = report.role === 'source' ? 'expect' : 'open';
    const reason = report.reason === '' ? 'ended_ticket' : report.reason;
    this.#take(`${kind} ${hex(report.ticket)}`)?.resolve({ granted: false, reason, need: new Uint8Array(0), epoch: 0, freeBytes: 0 }); // prettier-ignore
  }

  /** The stream is lost: all are rejected. Returns their tickets. */
  lost(node: string): Uint8Array[] {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) {
      waiting.timer.cancel();
      waiting.reject(new BatonError('service_lost', `the control stream to node ${node} ended`));
    }
    return all.map(({ ticket }) => ticket);
  }

  #take(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    return waiting;
  }
}

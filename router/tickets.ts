// Tickets as their router sees them: who waits for one, what services said of it, and its reports after it ended.
import { hex } from '#core/ids.ts';
import type { Clock } from '#core/clock.ts';
import { BatonError, ERRORS, type ErrorCode } from '#core/errors.ts';
import { planted } from '#planted';
import { ROUTER_LIMITS } from './limits.ts';
import type { Progress, Report, TicketRole } from './link.ts';

export interface TicketNodes {
  source: string;
  target: string;
}

export class Ticket {
  readonly id: Uint8Array;
  readonly hex: string;
  readonly nodes: TicketNodes;
  /** From Granted of Open. */
  need: Uint8Array = new Uint8Array(0);
  epoch = 0;
  /** The target granted it; the source expects it. */
  opened = false;
  expected = false;
  /** Target or source has been asked and has not answered: it may hold the ticket or not. */
  asked: TicketRole | null = null;
  /** The target's last word, for people. */
  state: string = 'reserved';
  reason = '';
  landedChunks = 0;
  sourceReport: Report | null = null;
  targetReport: Report | null = null;
  /** Told of progress of any kind; one at a time. */
  onProgress: (() => void) | null = null;
  onLanded: (() => void) | null = null;
  onFailed: ((error: BatonError) => void) | null = null;
  /** Both ends have reported, or one stands for both. */
  onReported: (() => void) | null = null;
  endedAt: number | null = null;
  landed = false;
  failure: BatonError | null = null;
  /** Which end failed first. */
  failedRole: TicketRole | null = null;

  constructor(id: Uint8Array, nodes: TicketNodes) {
    this.id = id;
    this.hex = hex(id);
    this.nodes = nodes;
  }

  get shared(): boolean {
    return this.nodes.source === this.nodes.target;
  }

  get needed(): number {
    return this.need.reduce((sum, one) => sum + one, 0);
  }

  /** Every end that took part has said its last word. */
  get reported(): boolean {
    return this.targetReport !== null && (!this.expected || this.sourceReport !== null);
  }

  fail(error: BatonError, role: TicketRole): void {
    if (this.failure !== null || this.endedAt !== null) return;
    this.failedRole = role;
    this.failure = error;
    this.onFailed?.(error);
  }
}

const ENDED: ReadonlySet<string> = new Set(['aborted', 'expired', 'failed']);

export class Tickets {
  private readonly clock: Clock;
  private readonly live = new Map<string, Ticket>();
  /** Messages on tickets that nobody waits for any more. */
  late = 0;
  private sweeping = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.live.size;
  }

  add(ticket: Ticket): void {
    if (this.live.size >= ROUTER_LIMITS.ticketsKeptMax) this.sweep();
    this.live.set(ticket.hex, ticket);
  }

  /** Its request is done with it; reports are still taken for a while. */
  ended(ticket: Ticket): void {
    ticket.onProgress = ticket.onLanded = ticket.onFailed = null;
    ticket.endedAt ??= this.clock.now();
    // Last in the order of insertion: the sweep looks at the front only.
    if (!this.live.delete(ticket.hex) || ticket.reported) return;
    this.live.set(ticket.hex, ticket);
    this.sweepAfter(ROUTER_LIMITS.reportWaitMs);
  }

  /** Never granted: no report will come. */
  forget(ticket: Ticket): void {
    this.live.delete(ticket.hex);
  }

  progress(progress: Progress): void {
    const ticket = this.live.get(hex(progress.ticket));
    if (ticket === undefined) {
      this.late++;
      return;
    }
    if (progress.role !== 'source') {
      ticket.state = progress.state;
      ticket.landedChunks = progress.chunksLanded;
    }
    if (progress.reason !== '') ticket.reason = progress.reason;
    ticket.onProgress?.();
    const some = planted('one_chunk_for_all') && progress.chunksLanded > 0;
    const all = progress.state === 'landed' || progress.state === 'claimed';
    if (ENDED.has(progress.state)) ticket.fail(ended(progress), progress.role);
    else if (progress.role !== 'source' && (all || some)) {
      if (ticket.landed) return;
      ticket.landed = true;
      ticket.onLanded?.();
    }
  }

  report(report: Report): void {
    const ticket = this.live.get(hex(report.ticket));
    if (ticket === undefined) {
      this.late++;
      return;
    }
    if (report.role === 'source') ticket.sourceReport = report;
    else ticket.targetReport = report;
    this.progress(report);
    if (!ticket.reported) return;
    if (ticket.endedAt !== null) this.live.delete(ticket.hex);
    ticket.onReported?.();
  }

  /** The control stream to `node` ended: who waits for news from there waits in vain. */
  serviceLost(node: string): void {
    for (const ticket of this.live.values()) {
      if (ticket.nodes.target === node) ticket.fail(new BatonError('service_lost'), 'target');
      // A source that has said its last word has given all that it had to give: what counts is whether it has landed.
      else if (ticket.nodes.source === node && ticket.sourceReport === null)
        ticket.fail(new BatonError('service_lost'), 'source');
    }
  }

  // A report may be lost with its service: the wait for it ends by time.
  private sweepAfter(ms: number): void {
    if (this.sweeping) return;
    this.sweeping = true;
    this.clock.after(ms, () => {
      this.sweeping = false;
      this.sweep();
    });
  }

  private sweep(): void {
    const now = this.clock.now();
    for (const ticket of this.live.values()) {
      if (ticket.endedAt === null) continue;
      const left = ticket.endedAt + ROUTER_LIMITS.reportWaitMs - now;
      if (left > 0 && this.live.size < ROUTER_LIMITS.ticketsKeptMax) {
        this.sweepAfter(left);
        return;
      }
      this.live.delete(ticket.hex);
      ticket.onReported?.();
    }
  }
}

function ended({ state, reason }: Progress): BatonError {
  const code =
    reason !== '' && reason in ERRORS
      ? (reason as ErrorCode)
      : state === 'failed'
        ? 'peer_failed'
        : (state as ErrorCode);
  return new BatonError(code);
}

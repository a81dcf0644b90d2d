// Every ticket of this service: who opened it, which state it is in, and that it gets exactly one last word. Decides by the
// table of states.ts; leases and bytes are the native bus's.
import { LIMITS } from '#core/limits.ts';
import { hex } from '#core/ids.ts';
import type { Expect, Open } from '#proto/gen/baton/v1/transfer.ts';
import { planted } from '#planted';
import { expectFlaw, openFlaw } from './bounds.ts';
import type { NativeBus, NativeGranted, NativeTicket } from './native.ts';
import { TABLE, type Event, type Outcome, type State } from './states.ts';
import {
  STATE_NAMES, bytes, grantedMessage, hasEnded, progressMessage, reasonNumber, refusal, reportMessage, type ToRouter,
} from './wire.ts'; // prettier-ignore

export interface LedgerOptions {
  bus: NativeBus;
  node: string;
  /** Tells a router; false when it has no stream now. */
  tell(router: string, message: ToRouter): boolean;
  /** A router's message was refused. */
  refused(reason: string): void;
  /** A native record came too late to mean anything. */
  late(): void;
  /** A ticket got its last word. */
  ended(role: string, state: string): void;
  /** A last word was forgotten because its router stayed away. */
  undelivered(): void;
}

interface Entry {
  router: string;
  role: string; // 's' source, 't' target, 'b' both
  state: State;
  view: NativeTicket | null; // as last told
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #entries = new Map<string, Entry>(); // asked and live ones
  readonly #ended = new Map<string, string>(); // ticket → router, oldest first
  readonly #perRouter = new Map<string, number>();
  #reports: { router: string; report: ToRouter }[] = []; // for routers that are away

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Tickets that have not ended, those without an answer included. */
  get live(): number {
    return this.#entries.size;
  }

  open(router: string, open: Open): void {
    const { node, bus } = this.#options;
    const role = open.sourceNode === node ? 'b' : 't';
    const stale = role === 'b' && open.sourceIncarnation !== bus.incarnation();
    this.#ask(router, open.ticket, role, openFlaw(open) ?? (stale ? 'stale_incarnation' : null), () => {
      bus.open({ ...open, tokens: Uint32Array.from(open.tokens) });
    });
  }

  expect(router: string, expect: Expect): void {
    const { node, bus } = this.#options;
    const stale = expect.targetNode === node && expect.targetIncarnation !== bus.incarnation();
    this.#ask(router, expect.ticket, 's', expectFlaw(expect) ?? (stale ? 'stale_incarnation' : null), () => {
      bus.expect({ ...expect, tokens: Uint32Array.from(expect.tokens) });
    });
  }

  abort(router: string, ticket: Uint8Array, reason: string): void {
    this.#command(router, ticket, 'abort', () => {
      this.#options.bus.abort(ticket, reasonNumber(reason));
    });
  }

  renew(router: string, ticket: Uint8Array, leaseMs: number): void {
    if (leaseMs < 1 || leaseMs > LIMITS.leaseMsMax) {
      this.#options.refused('malformed');
      return;
    }
    this.#command(router, ticket, 'renew', () => {
      this.#options.bus.renew(ticket, leaseMs);
    });
  }

  settle(router: string, ticket: Uint8Array): void {
    this.#command(router, ticket, 'settle', () => {
      this.#options.bus.settle(ticket);
    });
  }

  /** The native bus's answer to an ask. */
  granted(granted: NativeGranted): void {
    const id = hex(granted.ticket);
    const entry = this.#entries.get(id);
    const outcome = this.#outcome(id, granted.granted ? 'granted' : 'refused');
    if (outcome.act !== 'answer' || entry === undefined) {
      this.#options.late();
      return;
    }
    entry.state = outcome.next;
    if (outcome.next === 'none') this.#drop(id, entry);
    this.#options.tell(entry.router, { $case: 'granted', value: grantedMessage(granted) });
  }

  /** A ticket of the native table has changed. */
  changed(view: NativeTicket): void {
    const id = hex(view.ticket);
    const entry = this.#entries.get(id);
    const name = STATE_NAMES[view.state];
    const event = hasEnded(view.state) ? 'now_ended' : `now_${name ?? ''}`;
    if (entry === undefined || !isEvent(event)) {
      this.#options.late();
      return;
    }
    const { act, next } = this.#outcome(id, event);
    entry.state = next;
    if (act === 'late') this.#options.late();
    else if (act === 'report') this.#report(id, entry, view);
    else if (isNews(entry.view, view)) {
      entry.view = view;
      this.#options.tell(entry.router, { $case: 'progress', value: progressMessage(view) });
    }
  }

  /** This router's live tickets, for its snapshot. */
  ticketsOf(router: string): NativeTicket[] {
    return [...this.#entries.values()].flatMap(({ router: owner, view }) =>
      owner === router && view !== null ? [view] : [],
    );
  }

  /** Last words that this router missed while it was away; they are its own from now on. */
  takeReports(router: string): ToRouter[] {
    const mine = this.#reports.filter((kept) => kept.router === router).map(({ report }) => report);
    this.#reports = this.#reports.filter((kept) => kept.router !== router);
    return mine;
  }

  /** Ends every live ticket; their reports follow. */
  abortAll(reason: string): void {
    for (const id of this.#entries.keys())
      this.#options.bus.abort(Buffer.from(id, 'hex'), reasonNumber(reason));
  }

  #ask(router: string, ticket: Uint8Array, role: string, flaw: string | null, forward: () => void): void {
    const id = hex(ticket);
    const { act, next } = this.#outcome(id, 'ask');
    const owned = this.#perRouter.get(router) ?? 0;
    const busy = owned >= LIMITS.ticketsPerStreamMax ? 'busy' : null;
    const reason = act === 'forward' ? (flaw ?? busy) : act;
    if (reason !== null) {
      this.#options.refused(reason);
      this.#options.tell(router, { $case: 'granted', value: refusal(ticket, role, reason) });
      return;
    }
    this.#entries.set(id, { router, role, state: next, view: null });
    this.#perRouter.set(router, owned + 1);
    forward();
  }

  #command(router: string, ticket: Uint8Array, event: Event, forward: () => void): void {
    const id = hex(ticket);
    const owner = this.#entries.get(id)?.router ?? this.#ended.get(id) ?? router;
    const { act } = this.#outcome(id, event);
    if (owner !== router) this.#options.refused('foreign_ticket');
    else if (act === 'forward') forward();
    else this.#options.refused(act);
  }

  #outcome(id: string, event: Event): Outcome {
    return TABLE[this.#entries.get(id)?.state ?? (this.#ended.has(id) ? 'ended' : 'none')][event];
  }

  #report(id: string, entry: Entry, view: NativeTicket): void {
    this.#drop(id, entry);
    this.#ended.set(id, entry.router);
    trim(this.#ended, LIMITS.endedTicketsKeptMax);
    this.#options.ended(entry.role, STATE_NAMES[view.state] ?? 'failed');
    // Nothing is kept of the native record but what the message holds.
    const report: ToRouter = {
      $case: 'report',
      value: reportMessage({ ...view, ticket: bytes(view.ticket) }),
    };
    if (this.#options.tell(entry.router, report)) return;
    this.#reports.push({ router: entry.router, report });
    if (this.#reports.length > LIMITS.reportsKeptMax) {
      this.#reports.shift();
      this.#options.undelivered();
    }
  }

  #drop(id: string, entry: Entry): void {
    this.#entries.delete(id);
    const left = (this.#perRouter.get(entry.router) ?? 1) - 1;
    if (left > 0) this.#perRouter.set(entry.router, left);
    else this.#perRouter.delete(entry.router);
  }
}

function isEvent(text: string): text is Event {
  return Object.hasOwn(TABLE.none, text);
}

function isNews(told: NativeTicket | null, view: NativeTicket): boolean {
  if (planted('progress_lost') && (told?.chunksLanded ?? 0) > 0) return false;
  return (
    told?.state !== view.state ||
    told.reason !== view.reason ||
    told.chunksNeeded !== view.chunksNeeded ||
    told.chunksLanded !== view.chunksLanded
  );
}

function trim(map: Map<string, unknown>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= max) return;
    map.delete(oldest);
  }
}

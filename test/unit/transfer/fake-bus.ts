// A native bus in memory, for tests of the TypeScript around it: the same refusals, answers in order, coalesced states, one
// wake per batch. Bytes move only as far as a test says.
import { hex } from '#core/ids.ts';
import { REASONS, type Reason } from '#core/errors.ts';
import { STATE_NAMES } from '#transfer/wire.ts';
import type { TicketStateName } from '#transfer/link.ts';
import type {
  NativeAttachment, NativeBus, NativeBusOptions, NativeChunkEvents, NativeExpect, NativeGranted, NativeOpen, NativeTicket,
} from '#transfer/native.ts'; // prettier-ignore

const ENDED = 5; // first state that has ended
const number = (reason: Reason): number => REASONS.indexOf(reason);
const stateNumber = (state: TicketStateName): number => (STATE_NAMES as readonly unknown[]).indexOf(state);

export class FakeBus implements NativeBus {
  freeChunks: number;
  readonly calls: string[] = [];
  readonly #options: NativeBusOptions;
  readonly #wake: () => void;
  readonly #tickets = new Map<string, NativeTicket>();
  readonly #chunks = new Set<string>();
  readonly #attachments = new Map<string, NativeAttachment>();
  #granted: NativeGranted[] = [];
  #changed = new Set<string>();
  #events: { kind: number; key: Uint8Array }[] = [];
  #attached: NativeAttachment[] = [];
  #relist = false;
  #woken = false;
  #refusing = false;
  #closed = false;
  #epoch = 0;

  constructor(options: NativeBusOptions, wake: () => void, freeChunks = 16) {
    this.#options = options;
    this.#wake = wake;
    this.freeChunks = freeChunks;
  }

  incarnation(): bigint {
    return 7n;
  }

  lanePort(): number {
    return 4444;
  }

  open(request: NativeOpen): void {
    const shared = request.sourceNode === this.#options.node;
    const need = Uint8Array.from(request.tokens, (_, i) => (this.#chunks.has(hex(request.keys.subarray(32 * i, 32 * i + 32))) ? 0 : 1));
    const needed = need.reduce((sum, flag) => sum + flag, 0);
    const reason =
      this.#refuse(request) ??
      (needed > 12 ? 'too_large' : needed > this.freeChunks ? 'target_full' : null);
    this.#answer(request, shared ? 'b' : 't', need, needed, reason, shared ? '' : request.sourceNode);
  } // prettier-ignore

  expect(request: NativeExpect): void {
    const needed = request.need.reduce((sum, flag) => sum + flag, 0);
    this.#answer(request, 's', request.need, needed, this.#refuse(request), request.targetNode);
  }

  abort(ticket: Uint8Array, reason: number): void {
    this.calls.push(`abort ${REASONS[reason] ?? '?'}`);
    this.#end(ticket, 'aborted', reason);
  }

  renew(_ticket: Uint8Array, leaseMs: number): void {
    this.calls.push(`renew ${leaseMs}`);
  }

  settle(ticket: Uint8Array): void {
    this.calls.push('settle');
    this.#end(ticket, 'settled', 0);
  }

  drain() {
    const tickets = [...this.#changed]
      .flatMap((id) => this.#tickets.get(id) ?? [])
      .map((view) => ({ ...view }));
    const drained = {
      granted: this.#granted,
      tickets,
      chunks: eventsOf(this.#events),
      relist: this.#relist,
      attachments: this.#attached,
    };
    this.#granted = [];
    this.#changed = new Set();
    this.#events = [];
    this.#attached = [];
    this.#relist = false;
    this.#woken = false;
    return drained;
  }

  listTickets(): NativeTicket[] {
    return [...this.#tickets.values()];
  }

  listChunks(): NativeChunkEvents {
    return eventsOf([...this.#chunks].map((id) => ({ kind: 1, key: Buffer.from(id, 'hex') })));
  }

  listAttachments(): NativeAttachment[] {
    return [...this.#attachments.values()];
  }

  counters(): Record<string, number> {
    const live = this.listTickets().filter(({ state }) => state < ENDED).length;
    return { tickets_live: live, arena_bytes_total: 1000, arena_bytes_pinned: 100, refused_unknown: 3 };
  }

  refuseNew(): void {
    this.#refusing = true;
  }

  close(): void {
    this.#closed = true;
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ---- what engines, lanes and time do ----

  attach(engine: string, namespace: Uint8Array, attached = true): void {
    const attachment = { engine, namespace, layers: 2, heads: 2, planeBytes: [64, 64], chunkTokens: 256, pid: 1, attached };
    if (attached) this.#attachments.set(engine, attachment);
    else this.#attachments.delete(engine);
    this.#attached.push(attachment);
    this.#notify();
  } // prettier-ignore

  /** A ticket of the native table is now in this state. */
  now(ticket: Uint8Array, state: TicketStateName, changes: Partial<NativeTicket> = {}): void {
    const view = this.#tickets.get(hex(ticket));
    if (view === undefined) throw new Error('the fake bus has no such ticket');
    Object.assign(view, { state: stateNumber(state) }, changes);
    this.#changed.add(hex(ticket));
    this.#notify();
  }

  fail(ticket: Uint8Array, reason: Reason): void {
    this.now(ticket, 'failed', { reason: number(reason) });
  }

  /** A record for a ticket that nobody asked for. */
  stray(view: NativeTicket): void {
    this.#tickets.set(hex(view.ticket), view);
    this.#changed.add(hex(view.ticket));
    this.#notify();
  }

  store(...keys: Uint8Array[]): void {
    for (const key of keys) this.#chunks.add(hex(key));
    this.#events.push(...keys.map((key) => ({ kind: 1, key })));
    this.#notify();
  }

  remove(...keys: Uint8Array[]): void {
    for (const key of keys) this.#chunks.delete(hex(key));
    this.#events.push(...keys.map((key) => ({ kind: 2, key })));
    this.#notify();
  }

  loseEvents(): void {
    this.#events = [];
    this.#relist = true;
    this.#notify();
  }

  #refuse({ ticket, engine, namespace }: NativeOpen | NativeExpect): Reason | null {
    if (this.#refusing) return 'stopping';
    if (this.#tickets.has(hex(ticket))) return 'duplicate_ticket';
    const attachment = this.#attachments.get(engine);
    if (attachment === undefined || hex(attachment.namespace) !== hex(namespace)) return 'no_attachment';
    return null;
  }

  #answer(
    request: NativeOpen | NativeExpect,
    role: string,
    need: Uint8Array,
    needed: number,
    reason: Reason | null,
    peer: string,
  ): void {
    const granted = reason === null;
    const ticket = Uint8Array.from(request.ticket);
    if (granted) {
      if (role !== 's') this.freeChunks -= needed;
      const zero = {
        chunksLanded: 0,
        claims: 0,
        chunksCorrupt: 0,
        bytesOut: 0,
        bytesIn: 0,
        runsResent: 0,
        clockOffsetNs: 0,
      };
      const view = { ...zero, ticket, role, state: 1, reason: 0, chunks: need.length, chunksNeeded: needed };
      this.#tickets.set(hex(ticket), { ...view, peer, stamps: new BigUint64Array(0) });
      this.#changed.add(hex(ticket));
    }
    const epoch = granted ? ++this.#epoch : 0;
    const freeBytes = this.freeChunks * 1024;
    this.#granted.push({
      ticket, role, granted, reason: granted ? 0 : number(reason), need: granted ? need : new Uint8Array(0), epoch, freeBytes,
    }); // prettier-ignore
    this.#notify();
  }

  #end(ticket: Uint8Array, state: TicketStateName, reason: number): void {
    const view = this.#tickets.get(hex(ticket));
    if (view === undefined || view.state >= ENDED) return;
    if (view.role !== 's') this.freeChunks += view.chunksNeeded;
    this.now(ticket, state, { reason });
  }

  #notify(): void {
    if (this.#woken || this.#closed) return;
    this.#woken = true;
    setImmediate(() => {
      if (!this.#closed) this.#wake();
    });
  }
}

function eventsOf(events: { kind: number; key: Uint8Array }[]): NativeChunkEvents {
  return {
    kinds: Uint8Array.from(events, ({ kind }) => kind),
    keys: Buffer.concat(events.map(({ key }) => key)),
    namespaces: new Uint8Array(32 * events.length),
    tokens: new Uint32Array(events.length).fill(256),
  };
}

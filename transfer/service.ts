// The service between its routers and its native bus: joins routers, hands their messages to the ledger and what the bus
// reports to the routers. Knows no transport: server.ts carries its streams, tests and the simulation may do so in memory.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { TICKET_BYTES } from '#core/ids.ts';
import { LIMITS } from '#core/limits.ts';
import type { Logger } from '#core/log.ts';
import { VERSION } from '#core/version.ts';
import { planted } from '#planted';
import { PROTOCOL } from './hello.ts';
import { changeOf, listing } from './events.ts';
import { Ledger } from './ledger.ts';
import type { TransferMetrics } from './metrics.ts';
import type { NativeBus } from './native.ts';
import { attachmentMessage, snapshotMessages } from './snapshot.ts';
import { bytes, type ToRouter, type ToService } from './wire.ts';

/** One router's welcomed stream, as the service sees it. */
export interface RouterStream {
  send(message: ToRouter): void;
  end(error: BatonError): void;
}

export interface ServiceOptions {
  node: string;
  laneHost: string; // where other services reach this one
  arenaBytes: number;
  metrics: TransferMetrics;
  clock: Clock;
  log: Logger;
}

export class Service {
  readonly #bus: NativeBus;
  readonly #options: ServiceOptions;
  readonly #ledger: Ledger;
  readonly #streams = new Map<string, RouterStream>();
  #draining = false;
  #closed = false;
  readonly #quiet = new Set<() => void>(); // who waits for the last ticket

  constructor(bus: NativeBus, options: ServiceOptions) {
    const { metrics, node } = options;
    this.#bus = bus;
    this.#options = options;
    this.#ledger = new Ledger({
      bus,
      node,
      tell: (router, message) => this.#tell(router, message),
      refused: (reason) => { metrics.add('baton_transfer_messages_refused_total', 1, { reason }); },
      late: () => { metrics.add('baton_transfer_messages_late_total'); },
      ended: (role, state) => { metrics.add('baton_transfer_reports_total', 1, { role: ROLE_LABELS[role] ?? role, state }); },
      undelivered: () => { metrics.add('baton_transfer_reports_dropped_total'); },
    }); // prettier-ignore
    metrics.beforeScrape(() => {
      metrics.set('baton_transfer_routers_up', this.#streams.size);
      metrics.set('baton_transfer_ledger_live', this.#ledger.live);
      metrics.set('baton_transfer_draining', this.#draining ? 1 : 0);
    });
  }

  get ready(): boolean {
    return !this.#draining && !this.#closed;
  }

  get live(): number {
    return this.#ledger.live;
  }

  /** A router has proven itself: it is welcomed and told everything. Its earlier stream, if any, ends. */
  join(router: string, stream: RouterStream): void {
    if (this.#closed) {
      stream.end(new BatonError('stopping'));
      return;
    }
    const earlier = this.#streams.get(router);
    if (earlier === undefined && this.#streams.size >= LIMITS.streamsMax) {
      stream.end(new BatonError('busy', `this service has ${LIMITS.streamsMax} routers already`));
      return;
    }
    const { node, laneHost, arenaBytes, log } = this.#options;
    this.#streams.set(router, stream);
    const replaced = new BatonError(
      'service_lost',
      `another stream of router ${router} took this one's place`,
    );
    if (!planted('late_resume')) earlier?.end(replaced);
    log.info({ router, replaced: earlier !== undefined }, 'router joined');
    stream.send({
      $case: 'welcome',
      value: {
        node,
        incarnation: this.#bus.incarnation(),
        laneHost,
        lanePort: this.#bus.lanePort(),
        protocol: PROTOCOL,
        arenaBytes: BigInt(arenaBytes),
        version: VERSION,
      },
    });
    for (const message of snapshotMessages(this.#bus, this.#ledger.ticketsOf(router), this.#draining))
      stream.send(message);
    for (const report of this.#ledger.takeReports(router)) stream.send(report);
  }

  /** A stream has ended. Its router's tickets live on until their leases end. */
  leave(router: string, stream: RouterStream): void {
    if (this.#streams.get(router) !== stream) return;
    this.#streams.delete(router);
    this.#options.log.info({ router }, 'router left');
  }

  /** One message of a joined router; throws `malformed` when the stream cannot go on. */
  receive(router: string, message: ToService): void {
    if (this.#closed) return;
    if (message.$case === 'hello' || message.$case === 'proof')
      throw new BatonError('malformed', `${message.$case} after the welcome`);
    const { ticket } = message.value;
    if (ticket.length !== TICKET_BYTES) throw new BatonError('malformed', 'a ticket id is not 16 bytes');
    if (message.$case === 'open') this.#ledger.open(router, message.value);
    else if (message.$case === 'expect') this.#ledger.expect(router, message.value);
    else if (message.$case === 'abort') this.#ledger.abort(router, ticket, message.value.reason);
    else if (message.$case === 'renew') this.#ledger.renew(router, ticket, message.value.leaseMs);
    else this.#ledger.settle(router, ticket);
  }

  /** The native bus has news. Answers come before the states that follow from them. */
  wake(): void {
    if (this.#closed) return;
    const drained = this.#bus.drain();
    for (const granted of drained.granted) this.#ledger.granted(granted);
    for (const ticket of drained.tickets) this.#ledger.changed(ticket);
    for (const attachment of drained.attachments)
      this.#broadcast({ $case: 'attachment', value: attachmentMessage(attachment) });
    if (drained.relist) {
      this.#options.metrics.add('baton_transfer_relists_total');
      for (const value of listing(this.#bus.listChunks())) this.#broadcast({ $case: 'chunks', value });
    } else {
      const value = changeOf(drained.chunks);
      if (value !== null) this.#broadcast({ $case: 'chunks', value });
    }
    if (this.#ledger.live === 0) for (const done of this.#quiet) done();
  }

  /** Refuses new tickets, tells routers, and waits until no ticket lives or `ms` have passed. */
  async drain(ms: number): Promise<void> {
    if (this.#closed) return;
    if (!this.#draining) {
      this.#draining = true;
      this.#bus.refuseNew();
      this.#broadcast({ $case: 'draining', value: {} });
    }
    await this.#untilQuiet(ms);
  }

  /** Ends what lives, so that every ticket gets its last word, then every stream. The native bus is closed by its owner. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (!this.#draining) await this.drain(0);
    this.#ledger.abortAll('stopping');
    await this.#untilQuiet(LIMITS.stopMs);
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.end(new BatonError('stopping'));
    this.#streams.clear();
  }

  #untilQuiet(ms: number): Promise<void> {
    if (this.#ledger.live === 0 || ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#quiet.delete(done);
        resolve();
      };
      const timer = this.#options.clock.after(ms, done);
      this.#quiet.add(done);
    });
  }

  #tell(router: string, message: ToRouter): boolean {
    const stream = this.#streams.get(router);
    stream?.send(message);
    return stream !== undefined;
  }

  #broadcast(message: ToRouter): void {
    for (const stream of this.#streams.values()) stream.send(message);
  }
}

const ROLE_LABELS: Record<string, string> = { s: 'source', t: 'target', b: 'both' };

/** About how many bytes a message takes. */
export function weighToRouter(message: ToRouter): number {
  const overhead = 128;
  if (message.$case === 'chunks')
    return overhead + message.value.stored.length + message.value.removed.length;
  if (message.$case === 'granted') return overhead + message.value.need.length;
  if (message.$case === 'report') return overhead + 5 * 8 * message.value.computedNs.length;
  if (message.$case !== 'snapshot') return overhead;
  const { attachments, chunks, tickets } = message.value;
  return (
    overhead * (1 + attachments.length + tickets.length) + bytes(chunks?.stored ?? new Uint8Array(0)).length
  );
}

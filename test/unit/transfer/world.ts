// Services and links in one process: real Service, Session and Connection, carried by nothing but turns of the event loop.
import { systemClock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { silentLogger } from '#core/log.ts';
import { seededRandom, systemRandom } from '#core/random.ts';
import type { RouterBatch, ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { Connection, type Dial } from '#transfer/connection.ts';
import type {
  ExpectRequest,
  LinkEvents,
  OpenRequest,
  Progress,
  Report,
  ServiceInfo,
} from '#transfer/link.ts';
import { createTransferMetrics } from '#transfer/metrics.ts';
import type { NativeBusOptions } from '#transfer/native.ts';
import { Service } from '#transfer/service.ts';
import { Session } from '#transfer/session.ts';
import { FakeBus } from './fake-bus.ts';

export const NAMESPACE = Buffer.alloc(32, 9);
export const KEY = Buffer.alloc(32, 1);
export const ticketOf = (n: number): Buffer => Buffer.alloc(16, n);
export const keyOf = (n: number): Buffer => Buffer.alloc(32, n);
export const keysOf = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => keyOf(i + 1)));

export const openOf = (ticket: Uint8Array, chunks = 2, changes: Partial<OpenRequest> = {}): OpenRequest => ({
  ticket,
  engine: 'decode',
  namespace: NAMESPACE,
  keys: keysOf(chunks),
  tokens: new Uint32Array(chunks).fill(256),
  sourceNode: 'other',
  sourceEngine: 'prefill',
  sourceIncarnation: 1n,
  leaseMs: 5000,
  ...changes,
});

export const expectOf = (ticket: Uint8Array, chunks = 2, changes: Partial<ExpectRequest> = {}): ExpectRequest => ({
  ticket,
  engine: 'decode',
  namespace: NAMESPACE,
  keys: keysOf(chunks),
  tokens: new Uint32Array(chunks).fill(256),
  need: new Uint8Array(chunks).fill(1),
  epoch: 1,
  targetNode: 'other',
  targetHost: '127.0.0.1',
  targetPort: 9,
  targetIncarnation: 1n,
  leaseMs: 5000,
  ...changes,
}); // prettier-ignore

/** Everything a link has told, in order, and a way to wait for it. */
export class Heard implements LinkEvents {
  readonly log: string[] = [];
  readonly progressed: Progress[] = [];
  readonly reports: Report[] = [];
  readonly snapshots: Parameters<LinkEvents['snapshot']>[0][] = [];
  readonly changes: { relist: boolean; stored: Uint8Array; removed: Uint8Array }[] = [];
  readonly downs: string[] = [];
  readonly refusals: string[] = [];
  #waiting: (() => void)[] = [];

  up(info: ServiceInfo): void { this.#note(`up ${info.node}`); } // prettier-ignore
  snapshot(snapshot: Parameters<LinkEvents['snapshot']>[0]): void { this.snapshots.push(snapshot); this.#note('snapshot'); } // prettier-ignore
  progress(progress: Progress): void { this.progressed.push(progress); this.#note(`progress ${progress.role} ${progress.state}`); } // prettier-ignore
  report(report: Report): void { this.reports.push(report); this.#note(`report ${report.role} ${report.state} ${report.reason}`.trimEnd()); } // prettier-ignore
  chunks(change: { relist: boolean; stored: Uint8Array; removed: Uint8Array }): void { this.changes.push(change); this.#note('chunks'); } // prettier-ignore
  attachment(info: { engine: string }, attached: boolean): void { this.#note(`${attached ? 'attached' : 'detached'} ${info.engine}`); } // prettier-ignore
  draining(): void { this.#note('draining'); } // prettier-ignore
  notWelcomed(reason: string): void { this.refusals.push(reason); } // prettier-ignore
  down(reason: string): void { this.downs.push(reason); this.#note('down'); } // prettier-ignore

  /** Resolves when the `count`-th line that starts like this has been told. */
  async until(line: string, count = 1): Promise<void> {
    while (this.log.filter((told) => told.startsWith(line)).length < count)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #note(line: string): void {
    this.log.push(line);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export const OPTIONS: NativeBusOptions = {
  node: 'here', arenaPath: '', arenaBytes: 1 << 20, slotsMax: 64, prefault: false, socketPath: '', laneHost: '127.0.0.1',
  lanePort: 0, clusterKeys: [], laneSilenceMs: 100, laneConnectMs: 100, ticketShareMax: 0.5, verify: true,
}; // prettier-ignore

export interface WorldOptions {
  keys?: readonly Uint8Array[];
  peer?: string;
  /** May change or hold back what the service writes; false: the peer does not read. */
  onService?: (batch: ServiceBatch) => boolean;
  onRouter?: (batch: RouterBatch) => void;
  unsentBytesMax?: number;
}

/** A service over a fake bus, and links to it. */
export function createWorld(options: WorldOptions = {}) {
  const holder: { service: Service | null } = { service: null };
  const bus = new FakeBus(OPTIONS, () => holder.service?.wake());
  bus.attach('decode', NAMESPACE);
  const metrics = createTransferMetrics(() => bus.counters());
  const service = new Service(bus, {
    node: 'here', laneHost: '127.0.0.1', arenaBytes: 1 << 20, metrics, clock: systemClock, log: silentLogger,
  }); // prettier-ignore
  holder.service = service;
  const keys = options.keys ?? [KEY];
  const sessions = new Set<Session>();

  const dial: Dial = (_address, events) => {
    let over = false;
    const end = (reason: string): void => {
      if (over) return;
      over = true;
      setImmediate(() => { events.ended(reason); }); // prettier-ignore
    };
    const session = new Session(
      {
        peer: options.peer ?? '127.0.0.1:1',
        write: (batch, sent) => {
          if (over || options.onService?.(batch) === false) return;
          setImmediate(() => { if (!over) events.batch(batch); sent(); }); // prettier-ignore
        },
        end: (error) => { setImmediate(() => { end(error?.message ?? 'ended'); }); }, // prettier-ignore
      },
      {
        service, keys, metrics, clock: systemClock, log: silentLogger, random: systemRandom,
        ...(options.unsentBytesMax === undefined ? {} : { unsentBytesMax: options.unsentBytesMax }),
      },
    ); // prettier-ignore
    sessions.add(session);
    return {
      write: (batch, sent) => {
        options.onRouter?.(batch);
        setImmediate(() => { if (!over) session.receive(batch); sent(); }); // prettier-ignore
      },
      end: () => { over = true; setImmediate(() => { session.lost(); }); }, // prettier-ignore
    };
  };

  const connect = (
    router = 'router',
    linkKeys: readonly Uint8Array[] = keys,
    heard = new Heard(),
    node = 'here',
  ) => {
    const link = new Connection(dial, {
      node, address: '127.0.0.1:7001', router, keys: linkKeys, clock: systemClock, random: seededRandom(1),
      log: silentLogger, events: heard,
    }); // prettier-ignore
    return { link, heard };
  };
  /** Ends every stream as a broken connection would. */
  const breakStreams = (): void => {
    for (const session of sessions) session.end(new BatonError('service_lost', 'cut by the test'));
  };
  return { bus, service, metrics, connect, sessions, breakStreams, dial };
}

/** A link that is up and has its snapshot. */
export async function joined(world: ReturnType<typeof createWorld>, router = 'router') {
  const { link, heard } = world.connect(router);
  await heard.until('snapshot');
  return { link, heard };
}

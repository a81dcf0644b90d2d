// A TCP proxy between two processes that does to their connections what a bad network does. `up` is the way from who dials to
// who listens. It knows nothing of what it carries.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type Way = 'up' | 'down';

/** What becomes of bytes, on connections that are open and on later ones. */
export interface Fault {
  /** Every byte comes so much later. */
  delayMs?: number;
  /** Of one way of one connection. */
  bytesPerS?: number;
  /** Nothing goes on this way; what was sent goes once the fault is over, as after a partition. */
  hold?: Way | 'both';
  /** New connections are reset, as by a host where nobody listens. */
  refuse?: boolean;
  /** Replaces what comes; null resets the connection after what stands before it. */
  change?: (bytes: Buffer, way: Way) => (Buffer | null)[];
}

export interface FaultProxy {
  /** host:port that it listens at. */
  readonly address: string;
  /** Connections that are open. */
  readonly open: number;
  fault: Fault;
  /** Resets every connection. */
  cut(): void;
  /** Ends one way of every connection; the other goes on. */
  halfClose(way: Way): void;
  close(): void;
}

export interface FaultProxyOptions {
  /** host:port; asked for at each connection. */
  target: string;
  /** Where it listens; any port of loopback by default. */
  host?: string;
  port?: number;
}

/** Bytes held of one way before its sender is left waiting. */
const HELD_MAX = 1 << 20;

export async function startFaultProxy({
  target,
  host = '127.0.0.1',
  port = 0,
}: FaultProxyOptions): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let fault: Fault = {};
  const [targetHost = '', targetPort = ''] = target.split(/:(?=\d+$)/);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (fault.refuse === true) {
      client.resetAndDestroy();
      return;
    }
    const listener = connect({
      host: targetHost,
      port: Number(targetPort),
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair = new Pair(client, listener, () => fault);
    pairs.add(pair);
    listener.once('close', () => pairs.delete(pair));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    address: `${host}:${bound}`,
    get open() {
      return pairs.size;
    },
    get fault() {
      return fault;
    },
    set fault(next) {
      fault = next;
      for (const pair of pairs) pair.pump();
    },
    cut() {
      for (const pair of pairs) pair.cut();
    },
    halfClose(way) {
      for (const pair of pairs) pair.end(way);
    },
    close() {
      server.close();
      for (const pair of pairs) pair.cut();
    },
  };
}

/** One connection: two ways, which end together when either side breaks. */
class Pair {
  private readonly sockets: Socket[];
  private readonly ways: Record<Way, OneWay>;

  constructor(client: Socket, listener: Socket, fault: () => Fault) {
    this.sockets = [client, listener];
    this.ways = {
      up: new OneWay({ way: 'up', from: client, to: listener, fault, cut: this.cut }),
      down: new OneWay({ way: 'down', from: listener, to: client, fault, cut: this.cut }),
    };
    for (const socket of this.sockets) socket.on('error', this.cut);
  }

  pump(): void {
    this.ways.up.pump();
    this.ways.down.pump();
  }

  end(way: Way): void {
    this.ways[way].end();
  }

  readonly cut = (): void => {
    for (const socket of this.sockets) socket.resetAndDestroy();
  };
}

interface Link {
  way: Way;
  from: Socket;
  to: Socket;
  fault: () => Fault;
  cut: () => void;
}

class OneWay {
  private readonly link: Link;
  private readonly queue: { due: number; bytes: Buffer }[] = [];
  private held = 0;
  private lastDue = 0;
  private ended = false;
  private waits = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(link: Link) {
    this.link = link;
    const { from, to } = link;
    from.on('data', (bytes: Buffer) => {
      this.take(bytes);
    });
    from.on('end', () => {
      this.end();
    });
    to.on('drain', () => {
      this.waits = false;
      this.pump();
    });
    from.once('close', () => {
      if (this.timer !== null) clearTimeout(this.timer);
    });
  }

  end(): void {
    this.ended = true;
    this.pump();
  }

  pump(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { way, from, to, fault } = this.link;
    const { hold } = fault();
    if (hold === way || hold === 'both') {
      from.pause();
      return;
    }
    for (let next = this.queue[0]; next !== undefined && !this.waits; next = this.queue[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        this.timer = setTimeout(() => { this.pump(); }, wait); // prettier-ignore
        break;
      }
      this.queue.shift();
      this.held -= next.bytes.length;
      if (!to.write(next.bytes)) this.waits = true;
    }
    if (this.held < HELD_MAX) from.resume();
    if (this.ended && this.queue.length === 0) to.end();
  }

  private take(bytes: Buffer): void {
    // What comes after the end of a way that was half-closed here goes nowhere.
    if (this.ended) return;
    const { way, from, fault, cut } = this.link;
    const { delayMs = 0, bytesPerS = Infinity, change } = fault();
    for (const piece of change?.(bytes, way) ?? [bytes]) {
      if (piece === null) {
        cut();
        return;
      }
      const due = Math.max(performance.now() + delayMs, this.lastDue + (1000 * piece.length) / bytesPerS);
      this.lastDue = due;
      this.queue.push({ due, bytes: piece });
      this.held += piece.length;
    }
    if (this.held >= HELD_MAX) from.pause();
    this.pump();
  }
}

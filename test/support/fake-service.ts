// Transfer services in memory: they grant and refuse by script, remember what the router said, and say what the test wants.
import { BatonError } from '#core/errors.ts';
import type { Geometry } from '#core/geometry.ts';
import { hex, KEY_BYTES } from '#core/ids.ts';
import { VERSION } from '#core/version.ts';
import type {
  ExpectRequest, Granted, LayerStamps, LinkEvents, OpenRequest, Report, ServiceInfo, ServiceLink, TicketRole, TicketStateName,
} from '#transfer/client.ts'; // prettier-ignore
import type { LinkFactory } from '#router/services.ts';

export const GEOMETRY: Geometry = { layers: 2, heads: 2, planeBytes: [64, 64], chunkTokens: 256 };
export const NAMESPACE = Buffer.alloc(32, 7);

export class FakeService implements ServiceLink {
  readonly node: string;
  readonly events: LinkEvents;
  readonly opened: OpenRequest[] = [];
  readonly expected: ExpectRequest[] = [];
  readonly said: { verb: 'abort' | 'renew' | 'settle'; ticket: string }[] = [];
  /** Keys in hex that this node holds. */
  readonly held = new Set<string>();
  /** Reason of the next refusal; null: grant. */
  refuseOpen: string | null = null;
  refuseExpect: string | null = null;
  onOpen: ((request: OpenRequest) => void) | null = null;
  onExpect: ((request: ExpectRequest) => void) | null = null;
  /** Open and Expect are answered once this is settled. */
  answering: Promise<void> = Promise.resolve();
  private live: ServiceInfo | null = null;

  constructor(node: string, events: LinkEvents) {
    this.node = node;
    this.events = events;
  }

  connect(engines: readonly string[], namespace: Uint8Array = NAMESPACE): void {
    this.live = {
      node: this.node, incarnation: 1n, laneHost: '127.0.0.1', lanePort: 1, arenaBytes: 1 << 30, version: VERSION,
    }; // prettier-ignore
    this.events.up(this.live);
    const attachments = engines.map((engine) => ({ engine, namespace, geometry: GEOMETRY }));
    this.events.snapshot({ attachments, keys: new Uint8Array(0), tickets: [], draining: false });
  }

  disconnect(): void {
    this.live = null;
    this.events.down('test');
  }

  info(): ServiceInfo | null {
    return this.live;
  }

  open(request: OpenRequest): Promise<Granted> {
    if (this.live === null) return Promise.reject(new BatonError('service_lost'));
    this.opened.push(request);
    this.onOpen?.(request);
    const need = Uint8Array.from(request.tokens, (_, i) => (this.held.has(keyHex(request.keys, i)) ? 0 : 1));
    return this.answering.then(() => granted(this.refuseOpen, need));
  }

  expect(request: ExpectRequest): Promise<Granted> {
    if (this.live === null) return Promise.reject(new BatonError('service_lost'));
    this.expected.push(request);
    this.onExpect?.(request);
    return this.answering.then(() => granted(this.refuseExpect, request.need));
  }

  abort(ticket: Uint8Array): void {
    this.said.push({ verb: 'abort', ticket: hex(ticket) });
  }

  renew(ticket: Uint8Array): void {
    this.said.push({ verb: 'renew', ticket: hex(ticket) });
  }

  settle(ticket: Uint8Array): void {
    this.said.push({ verb: 'settle', ticket: hex(ticket) });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  progress(ticket: string, role: TicketRole, state: TicketStateName, reason = ''): void {
    this.events.progress({
      ticket: Buffer.from(ticket, 'hex'),
      role,
      state,
      reason,
      chunks: 1,
      chunksNeeded: 1,
      chunksLanded: 0,
    });
  }

  report(ticket: string, role: TicketRole, state: TicketStateName, more: Partial<Report> = {}): void {
    this.events.report({
      ticket: Buffer.from(ticket, 'hex'), role, state, reason: '', chunks: 1, chunksNeeded: 1, chunksLanded: 1,
      bytesOut: 0, bytesIn: 0, runsResent: 0, claims: 0, chunksCorrupt: 0, peer: '', clockOffsetNs: 0n, layers: [], ...more,
    }); // prettier-ignore
  }

  /** Holds these keys, and says so. */
  store(keys: Uint8Array): void {
    for (let i = 0; i < keys.length / KEY_BYTES; i++) this.held.add(keyHex(keys, i));
    this.events.chunks({ relist: false, stored: keys, removed: new Uint8Array(0) });
  }

  verbs(ticket: string): string[] {
    return this.said.filter((one) => one.ticket === ticket).map(({ verb }) => verb);
  }
}

/** One fake per node; `of` gives it once the router has asked for its link. */
export function fakeServices(): { makeLink: LinkFactory; of(node: string): FakeService } {
  const fakes = new Map<string, FakeService>();
  return {
    makeLink(entry, events) {
      const fake = new FakeService(entry.node, events);
      fakes.set(entry.node, fake);
      return fake;
    },
    of(node) {
      const fake = fakes.get(node);
      if (fake === undefined) throw new Error(`no link to ${node}`);
      return fake;
    },
  };
}

export function stamps(
  computedFirst: bigint,
  computed: bigint,
  out: bigint,
  landed: bigint,
  scattered: bigint,
): LayerStamps {
  return { computedFirst, computed, out, landed, scattered };
}

function granted(refusal: string | null, need: Uint8Array): Granted {
  const none = refusal !== null;
  return {
    granted: !none,
    reason: refusal ?? '',
    need: none ? new Uint8Array(0) : need,
    epoch: 1,
    freeBytes: 1 << 20,
  };
}

function keyHex(keys: Uint8Array, i: number): string {
  return hex(keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES));
}

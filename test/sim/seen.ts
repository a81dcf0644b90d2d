// What is seen on the way between the parts, in the log and judged (invariants 1, 4, 5, 6, 9).
import { KEY_BYTES, hex, keyAt } from '#core/ids.ts';
import type { LinkEvents, ServiceLink } from '#transfer/link.ts';
import type { LegBody } from './engine.ts';
import type { SimLog } from './log.ts';
import { TicketWatch } from './ticket-watch.ts';

interface Parts {
  log: SimLog;
  attemptsMax: number;
  count: (what: string) => void;
  violation: (text: string) => void;
  /** The head of this request's answer has gone out. */
  answered: (request: string) => boolean;
  now: () => number;
  /** Until then something has gone wrong with routers, services or the network. */
  disturbedUntil: () => number;
}

interface Legs {
  prefill: number;
  decode: number;
  /** Tickets, or a name for each leg without one. */
  attempts: Set<string>;
}

export class Seen {
  readonly tickets: TicketWatch;
  /** Legs that arrived, by request. */
  readonly legs = new Map<string, Legs>();
  /** Hex of every key that a router was told of. */
  readonly keys = new Set<string>();
  readonly #parts: Parts;
  /** Tenants by root. */
  readonly #roots = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.tickets = new TicketWatch(parts.violation, parts.now);
  }

  link(link: ServiceLink): ServiceLink {
    return this.tickets.link(link);
  }

  /** A router sends a leg. */
  sending(request: string): void {
    if (this.#parts.answered(request))
      this.#parts.violation(`${request}: a leg after the head of its answer (invariant 5)`);
  }

  /** A leg has arrived at its engine. */
  arrived(engine: string, body: LegBody, request: string): void {
    const { log, attemptsMax, violation } = this.#parts;
    const baton = body.kv_transfer_params?.baton ?? null;
    const ticket = baton?.ticket ?? null;
    const role = baton?.role === 'prefill' ? 'prefill' : 'decode';
    const legs = this.legs.get(request) ?? { prefill: 0, decode: 0, attempts: new Set() };
    this.legs.set(request, legs);
    legs[role]++;
    legs.attempts.add(ticket ?? `leg ${legs.decode}`);
    log.add(engine, `${role} leg of ${request}${ticket === null ? '' : `, ticket ${ticket.slice(0, 8)}`}`);
    if (Math.max(legs[role], legs.attempts.size) > attemptsMax)
      violation(`${request}: ${legs[role]} ${role} legs of ${legs.attempts.size} attempts, ${attemptsMax} are allowed (invariant 6)`);
    if (role === 'decode' && ticket !== null) this.tickets.decodeLeg(request, ticket);
    for (const root of [body.cache_salt, baton?.root]) {
      if (root === undefined) continue;
      const owner = this.#roots.get(root) ?? body.seed;
      this.#roots.set(root, owner);
      if (owner !== body.seed)
        violation(`${request}: a root of tenant ${owner} for tenant ${body.seed} (invariant 9)`);
    }
  } // prettier-ignore

  /** What a link tells its router. */
  events(node: string, given: LinkEvents): LinkEvents {
    const { log } = this.#parts;
    const events = this.tickets.events(given);
    const named = (keys: Uint8Array): void => {
      for (let i = 0; (i + 1) * KEY_BYTES <= keys.length; i++) this.keys.add(hex(keyAt(keys, i)));
    };
    return {
      ...events,
      up: (info) => {
        log.add('router', `link to ${node} up`);
        events.up(info);
      },
      snapshot: (snapshot) => {
        named(snapshot.keys);
        events.snapshot(snapshot);
      },
      chunks: (change) => {
        named(change.stored);
        events.chunks(change);
      },
      report: (report) => {
        this.#reported(report);
        events.report(report);
      },
      progress: (progress) => {
        const { ticket, role, state, chunksLanded, chunksNeeded, reason } = progress;
        log.add('router', `progress ${hex(ticket).slice(0, 8)} ${role} ${state} ${chunksLanded}/${chunksNeeded} ${reason}`);
        events.progress(progress);
      },
      down: (reason) => {
        log.add('router', `link to ${node} down: ${reason}`);
        events.down(reason);
      },
    };
  } // prettier-ignore

  #reported({ ticket, role, state, reason }: Parameters<LinkEvents['report']>[0]): void {
    const { log, count, violation, disturbedUntil } = this.#parts;
    log.add('router', `report ${hex(ticket).slice(0, 8)} ${role} ${state} ${reason}`);
    count(`ticket: ${state}`);
    if (state === 'expired' && this.tickets.openedAt(hex(ticket)) > disturbedUntil())
      violation(`ticket ${hex(ticket)}: its lease at the ${role} ended though its router lives (invariant 4)`);
  } // prettier-ignore
}

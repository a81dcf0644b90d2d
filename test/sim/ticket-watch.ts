// What routers say to services about tickets, seen at the shipped link: each is opened once and given up once, and what follows from
// an answer follows in the same turn (invariants 4 and 6). And what decode legs say of them: nothing before all has landed.
import { hex } from '#core/ids.ts';
import type { Granted, LinkEvents, ServiceLink } from '#transfer/link.ts';

type Answer = 'pending' | 'granted' | 'refused' | 'lost';

interface Seen {
  openedAt: number;
  target: string;
  open: Answer;
  /** Of Expect; null: not asked. */
  expect: Answer | null;
  needed: number;
  landed: boolean;
  /** Settles and aborts that each end was told. */
  toldTarget: string[];
  toldSource: string[];
}

export class TicketWatch {
  readonly #tickets = new Map<string, Seen>();
  /** Touched in this turn. */
  readonly #touched = new Map<string, Seen>();
  readonly #violation: (text: string) => void;
  readonly #now: () => number;
  /** Reports by ticket and role. */
  readonly #lastWords = new Map<string, string>();

  constructor(violation: (text: string) => void, now: () => number) {
    this.#violation = violation;
    this.#now = now;
  }

  /** The same link, seen. */
  link(link: ServiceLink): ServiceLink {
    const told = (ticket: Uint8Array, word: string): void => {
      const seen = this.#touch(hex(ticket));
      if (seen === null) return;
      const list = seen.target === link.node ? seen.toldTarget : seen.toldSource;
      list.push(word);
      if (list.length > 1) this.#violation(`ticket ${hex(ticket)}: told ${list.join(', ')} (invariant 4)`);
    };
    return {
      get node() { return link.node; },
      info: () => link.info(),
      open: (request) => {
        const id = hex(request.ticket);
        if (this.#tickets.has(id)) this.#violation(`ticket ${id}: opened again (invariant 3)`);
        const seen: Seen = { openedAt: this.#now(), target: link.node, open: 'pending', expect: null, needed: 0, landed: false, toldTarget: [], toldSource: [] };
        this.#tickets.set(id, seen);
        return this.#answered(id, link.open(request), (answer, granted) => {
          seen.open = answer;
          seen.needed = granted?.need.reduce((sum, one) => sum + one, 0) ?? 0;
        });
      },
      expect: (request) => {
        const id = hex(request.ticket);
        const seen = this.#touch(id);
        if (seen === null || seen.expect !== null) this.#violation(`ticket ${id}: expected again, or never opened (invariant 4)`);
        if (seen !== null) seen.expect = 'pending';
        return this.#answered(id, link.expect(request), (answer) => { if (seen !== null) seen.expect = answer; });
      },
      abort: (ticket, reason) => { told(ticket, 'abort'); link.abort(ticket, reason); },
      renew: (ticket, leaseMs) => { link.renew(ticket, leaseMs); },
      settle: (ticket) => { told(ticket, 'settle'); link.settle(ticket); },
      close: () => link.close(),
    };
  } // prettier-ignore

  /** The same events, seen. */
  events(events: LinkEvents): LinkEvents {
    return {
      ...events,
      snapshot: (snapshot) => {
        for (const progress of snapshot.tickets) this.#landed(progress);
        events.snapshot(snapshot);
      },
      progress: (progress) => {
        this.#landed(progress);
        events.progress(progress);
      },
      report: (report) => {
        const key = `${hex(report.ticket)} ${report.role}`;
        if (this.#lastWords.has(key)) this.#violation(`ticket ${key}: two last words (invariant 4)`);
        this.#lastWords.set(key, report.state);
        this.#landed(report);
        events.report(report);
      },
    };
  }

  #landed({ ticket, role, state }: Parameters<LinkEvents['progress']>[0]): void {
    const seen = this.#tickets.get(hex(ticket));
    if (seen !== undefined && role !== 'source' && (state === 'landed' || state === 'claimed'))
      seen.landed = true;
  }

  openedAt(ticket: string): number {
    return this.#tickets.get(ticket)?.openedAt ?? -Infinity;
  }

  decodeLeg(request: string, ticket: string): void {
    const seen = this.#tickets.get(ticket);
    if (seen === undefined || (!seen.landed && seen.needed > 0))
      this.#violation(`${request}: a decode leg for ticket ${ticket}, which has not landed (invariant 1)`);
  }

  /** After every event, all that its promises lead to included. */
  atEveryStep(): void {
    for (const [id, { open, expect, toldTarget, toldSource }] of this.#touched) {
      const over = toldTarget.length > 0;
      if (open === 'granted' && !over && (expect === 'refused' || expect === 'lost'))
        this.#violation(`ticket ${id}: holds its target's room though its source has none (invariant 4)`);
      if (toldTarget[0] === 'abort' && toldSource.length === 0 && (expect === 'granted' || expect === 'pending'))
        this.#violation(`ticket ${id}: given up at its target, not at its source (invariant 4)`);
    }
    this.#touched.clear();
  } // prettier-ignore

  #touch(id: string): Seen | null {
    const seen = this.#tickets.get(id) ?? null;
    if (seen !== null) this.#touched.set(id, seen);
    return seen;
  }

  #answered(
    id: string,
    asked: Promise<Granted>,
    told: (answer: Answer, granted: Granted | null) => void,
  ): Promise<Granted> {
    // Noted before whoever asked hears of it.
    return asked.then(
      (granted) => {
        told(granted.granted ? 'granted' : 'refused', granted);
        this.#touch(id);
        return granted;
      },
      (error: unknown) => {
        told('lost', null);
        this.#touch(id);
        throw error;
      },
    );
  }
}

// The network between nodes: seeded delays, stragglers, loss (which TCP turns into delay), clogging, one-way partitions, cuts.
// What travels are streams, ordered and reliable until they are cut; a partition or a clog holds them back.
import type { Timeline } from './clock.ts';
import type { Process } from './process.ts';
import type { Chance } from './random.ts';

const RETRANSMIT_MS = 200;
/** What TCP would never do to a stream does not last: what was held back arrives, a stream that lost something breaks. */
const HELD_BACK_MS = 50;
const LOST_MS = 1000;

export class Network {
  readonly timeline: Timeline;
  readonly chance: Chance;
  /** Share of messages that are sent again by TCP. */
  loss = 0;
  /** What happened to messages by chance. */
  lost = 0;
  delayed = 0;
  mischief: Mischief | null = null;
  /** By `from>to`: nothing gets there before that time. */
  readonly #blocked = new Map<string, number>();
  readonly #streams = new Set<Stream>();

  constructor(timeline: Timeline, chance: Chance) {
    this.timeline = timeline;
    this.chance = chance;
  }

  /** One way: what is sent from now on arrives after `ms`. */
  block(from: string, to: string, ms: number): void {
    const until = Math.max(this.timeline.now + ms, this.blockedUntil(from, to));
    this.#blocked.set(`${from}>${to}`, until);
    for (const stream of [...this.#streams]) stream.blocked(from, to);
  }

  blockedUntil(from: string, to: string): number {
    return this.#blocked.get(`${from}>${to}`) ?? 0;
  }

  /** When a message sent now arrives. */
  arrival(from: string, to: string): number {
    const { chance, timeline } = this;
    if (from === to) return timeline.now + chance.between(0.01, 0.05);
    let delay = chance.between(0.05, 0.5);
    if (chance.chance(0.02)) {
      delay += chance.between(1, 20);
      this.delayed++;
    }
    if (chance.chance(this.loss)) {
      delay += RETRANSMIT_MS;
      this.lost++;
    }
    return Math.max(timeline.now, this.blockedUntil(from, to)) + delay;
  }

  /** Dials whoever is at the address when the dial arrives; a dead or absent one refuses. `timeoutMs` of virtual time. */
  connect(
    from: Process,
    toNode: string,
    at: () => Process | null,
    timeoutMs: number,
    told: (stream: Stream | null) => void,
  ): void {
    const { timeline } = this;
    const arrives = this.arrival(from.node, toNode);
    const answers = Math.max(arrives, this.blockedUntil(toNode, from.node)) + this.chance.between(0.05, 0.5);
    const late = answers > timeline.now + timeoutMs;
    timeline.at(late ? timeline.now + timeoutMs : answers, () => {
      from.deliver(() => {
        const to = at();
        const stream = late || to?.alive !== true ? null : new Stream(this, from, to);
        told(stream);
      });
    });
  }

  /** What happens to a message that is sent now. */
  mischiefOn(kind: string, to: Side): Mischief['next'][number] | null {
    const { mischief } = this;
    if (mischief?.kind !== kind || mischief.to !== to) return null;
    const how = mischief.next.shift() ?? null;
    if (mischief.next.length === 0) this.mischief = null;
    if (how !== null) mischief.told(how, LOST_MS);
    return how;
  }

  /** Streams that are open, in the order of their making. */
  open(kind: string): Stream[] {
    return [...this.#streams].filter((stream) => stream.kind === kind);
  }

  opened(stream: Stream): void {
    this.#streams.add(stream);
  }

  closed(stream: Stream): void {
    this.#streams.delete(stream);
  }
}

export type Side = 'a' | 'b';
const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

/** What happens to the next messages to one side of streams of a kind: they come twice, behind the one after, or not at all. */
export interface Mischief {
  kind: string;
  to: Side;
  next: ('duplicated' | 'reordered' | 'lost')[];
  /** Told when it has happened to one, and for how long, at most, that may be felt. */
  told: (how: string, ms: number) => void;
}

/** One connection between two processes. */
export class Stream {
  kind = '';
  /** Told once that the stream is gone; not the side that ended it. */
  readonly lost: Record<Side, (reason: string) => void> = { a: () => undefined, b: () => undefined };
  /** An answer has begun to arrive over it. */
  answering = false;
  /** A stream whose other end does not answer for so long is cut; null: nobody asks. */
  keepAliveMs: number | null = null;
  open = true;
  readonly #network: Network;
  readonly #ends: Record<Side, Process>;
  readonly #last: Record<Side, number> = { a: 0, b: 0 };
  readonly #off: (() => void)[];
  readonly #told: Record<Side, boolean> = { a: false, b: false };
  #swapped: { to: Side; work: () => void } | null = null;

  constructor(network: Network, a: Process, b: Process) {
    this.#network = network;
    this.#ends = { a, b };
    this.#off = [a.onDeath(() => { this.#died('a'); }), b.onDeath(() => { this.#died('b'); })]; // prettier-ignore
    network.opened(this);
  }

  end(side: Side): Process {
    return this.#ends[side];
  }

  /** `work` happens at that side, after everything sent to it before. */
  send(to: Side, work: () => void): void {
    if (!this.open) return;
    const { timeline } = this.#network;
    const how = this.#network.mischiefOn(this.kind, to);
    if (how === 'lost') {
      timeline.after(LOST_MS, () => { this.cut(); }); // prettier-ignore
      return;
    }
    if (how === 'reordered' && this.#swapped === null) {
      this.#swapped = { to, work };
      timeline.after(HELD_BACK_MS, () => { this.#release(); }); // prettier-ignore
      return;
    }
    this.#carry(to, work);
    if (how === 'duplicated') this.#carry(to, work);
    this.#release();
  }

  #release(): void {
    const swapped = this.#swapped;
    this.#swapped = null;
    if (swapped !== null) this.#carry(swapped.to, swapped.work);
  }

  #carry(to: Side, work: () => void): void {
    this.#at(to, () => { if (this.open && !this.#told[to]) work(); }); // prettier-ignore
  }

  #at(to: Side, work: () => void): void {
    const arrival = this.#network.arrival(this.#ends[other(to)].node, this.#ends[to].node);
    const at = Math.max(arrival, this.#last[to]);
    this.#last[to] = at;
    this.#network.timeline.at(at, () => { this.#ends[to].deliver(work); }); // prettier-ignore
  }

  /** One side ends it: what it has sent still arrives, then the other one learns. */
  close(by: Side, reason = 'ended'): void {
    if (this.#told[by]) return;
    this.#told[by] = true;
    this.#at(other(by), () => { this.#tell(other(by), reason); }); // prettier-ignore
  }

  /** It breaks: what is in flight is lost, both learn of it. */
  cut(reason = 'cut'): void {
    if (!this.open) return;
    this.#over();
    for (const side of ['a', 'b'] as const) this.#at(side, () => { this.#tell(side, reason); }); // prettier-ignore
  }

  blocked(from: string, to: string): void {
    const { a, b } = this.#ends;
    const mine = (a.node === from && b.node === to) || (b.node === from && a.node === to);
    if (!mine || this.keepAliveMs === null) return;
    this.#network.timeline.after(this.keepAliveMs, () => {
      if (this.open && this.#network.blockedUntil(from, to) > this.#network.timeline.now) {
        this.#over();
        // Each side's own silence ends it.
        for (const side of ['a', 'b'] as const)
          this.#ends[side].deliver(() => { this.#tell(side, 'silent'); }); // prettier-ignore
      }
    });
  }

  #died(side: Side): void {
    this.#told[side] = true;
    const rest = other(side);
    if (this.#told[rest]) this.#over();
    // A reset may overtake what was sent before it.
    else if (this.#network.chance.chance(0.5)) this.cut('reset');
    else this.#at(rest, () => { this.#tell(rest, 'reset'); }); // prettier-ignore
  }

  #tell(side: Side, reason: string): void {
    this.#over();
    if (this.#told[side]) return;
    this.#told[side] = true;
    this.lost[side](reason);
  }

  #over(): void {
    this.open = false;
    for (const off of this.#off) off();
    this.#network.closed(this);
  }
}

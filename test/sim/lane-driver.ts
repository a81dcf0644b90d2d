// Carries the lanes of the model of the bus over the simulated network: says when a dial succeeds and when each part arrives.
import type { LaneConnection, Side } from './bus/contract.ts';
import { ModelNetwork } from './bus/network.ts';
import type { Network } from './network.ts';
import type { Process } from './process.ts';

interface Way {
  scheduled: number;
  last: number;
}

interface Carried {
  dialled: boolean;
  ways: Record<Side, Way>;
}

export class LaneDriver {
  readonly network: ModelNetwork;
  readonly #carrier: Network;
  readonly #processOf: (node: string) => Process | null;
  readonly #carried = new Map<LaneConnection, Carried>();
  /** Broken at one end, and nobody is to tell the other any more. */
  readonly #silent = new Set<LaneConnection>();
  /** What is to go wrong with the next messages that it can go wrong with. */
  #mischief: ((one: LaneConnection) => boolean)[] = [];

  constructor(carrier: Network, processOf: (node: string) => Process | null) {
    this.#carrier = carrier;
    this.#processOf = processOf;
    this.network = new ModelNetwork({
      silence: true,
      changed: (connection) => { this.#changed(connection); },
    }); // prettier-ignore
  }

  /** Connections that are up. */
  get up(): LaneConnection[] {
    return [...this.#carried.keys()].filter(({ state }) => state === 'up');
  }

  /** Does it to the first lane, from now on, that it can be done to. */
  next(work: (one: LaneConnection) => boolean): void {
    this.#mischief.push(work);
  }

  calm(): void {
    this.#mischief = [];
  }

  /** Breaks it at one end; what would tell the other one is lost. */
  cutAt(connection: LaneConnection, side: Side): void {
    this.#silent.add(connection);
    connection.cut(side);
  }

  #changed(connection: LaneConnection): void {
    this.#mischief = this.#mischief.filter((work) => connection.state !== 'up' || !work(connection));
    if (connection.state === 'ended') {
      this.#carried.delete(connection);
      this.#silent.delete(connection);
      return;
    }
    let carried = this.#carried.get(connection);
    if (carried === undefined) {
      const way = (): Way => ({ scheduled: 0, last: 0 });
      carried = { dialled: false, ways: { dialler: way(), listener: way() } };
      this.#carried.set(connection, carried);
    }
    if (connection.state === 'dialling') this.#dial(connection, carried);
    if (connection.broken !== null && !this.#silent.has(connection))
      this.#reset(connection, connection.broken);
    for (const side of ['dialler', 'listener'] as const) this.#carry(connection, carried.ways[side], side);
  }

  /** One end is gone, with its process or by itself: the network tells the other one, as soon as it can. */
  #reset(connection: LaneConnection, gone: Side): void {
    this.#silent.add(connection);
    const [from, to] = endsFrom(connection, gone);
    this.#carrier.timeline.at(this.#carrier.arrival(from, to), () => {
      this.#processOf(to)?.deliver(() => { connection.cut(); }); // prettier-ignore
    });
  }

  #dial(connection: LaneConnection, carried: Carried): void {
    if (carried.dialled) return;
    carried.dialled = true;
    const { dialler, listener } = connection;
    const { timeline, chance } = this.#carrier;
    const there = this.#carrier.arrival(dialler, listener);
    const back = Math.max(there, this.#carrier.blockedUntil(listener, dialler)) + chance.between(0.05, 0.5);
    timeline.at(back, () => {
      if (connection.state !== 'dialling') return;
      const process = this.#processOf(listener);
      const dialling = this.#processOf(dialler);
      const connect = (): void => {
        if (connection.state === 'dialling') connection.connect();
      };
      // A stopped listener accepts but says no hello until it goes on.
      if (process === null) dialling?.deliver(connect);
      else process.deliver(() => dialling?.deliver(connect));
    });
  }

  #carry(connection: LaneConnection, way: Way, to: Side): void {
    const { timeline } = this.#carrier;
    const [from, at] = endsFrom(connection, to === 'listener' ? 'dialler' : 'listener');
    for (let waiting = connection.pending(to) - way.scheduled; waiting > 0; waiting--) {
      way.scheduled++;
      way.last = Math.max(this.#carrier.arrival(from, at), way.last);
      timeline.at(way.last, () => {
        const deliver = (): void => {
          way.scheduled--;
          connection.deliver(to);
        };
        this.#processOf(at)?.deliver(deliver);
      });
    }
  }
}

/** Nodes: that of this side, then the other's. */
const endsFrom = ({ dialler, listener }: LaneConnection, side: Side): [string, string] =>
  side === 'dialler' ? [dialler, listener] : [listener, dialler];

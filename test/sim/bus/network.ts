// Lanes between the nodes of one simulation. Nothing moves by itself: whoever owns the network lets dials succeed and parts
// arrive, cuts, corrupts and duplicates (contract.ts, LaneConnection).
import type { Timer } from '#core/clock.ts';
import type {
  LaneConnection, LaneEndpoint, LaneMessage, LaneNetwork, LaneSink, LaneStats, ListenOptions, Side,
} from './contract.ts'; // prettier-ignore
import { BOUNDS } from './limits.ts';
import { LaneEnd, type Carrier } from './lane-end.ts';
import { reason } from './ticket.ts';

interface Travelling {
  message: LaneMessage;
  begun: boolean; // a run's head has arrived
}

export interface NetworkOptions {
  /** Runs of one lane announced and not acknowledged; then announce() says wait. */
  window?: number;
  /** Whether an end that is needed notices by itself that nobody is there (silenceMs). */
  silence?: boolean;
  /** A connection has something to carry, or has come or gone. */
  changed?: (connection: LaneConnection) => void;
  /** A message has gone out towards this side. */
  sent?: (connection: LaneConnection, to: Side, message: LaneMessage) => void;
}

const other = (side: Side): Side => (side === 'dialler' ? 'listener' : 'dialler');
const LANE_LOST = reason('lane_lost');

export class ModelNetwork implements LaneNetwork {
  readonly options: Required<NetworkOptions>;
  readonly #endpoints = new Map<number, Endpoint>(); // by port
  readonly #connections: Connection[] = [];
  #ids = 0;
  #ports = 40000;

  constructor(options: NetworkOptions = {}) {
    this.options = {
      window: BOUNDS.runsInFlight,
      silence: false,
      changed: () => undefined,
      sent: () => undefined,
      ...options,
    };
  }

  /** Those that have not ended at both ends, in the order in which they were dialled. */
  get connections(): readonly LaneConnection[] {
    return this.#connections;
  }

  listen(options: ListenOptions, sink: LaneSink): LaneEndpoint {
    const port = options.port === 0 ? ++this.#ports : options.port;
    if (this.#endpoints.has(port)) throw new Error(`port ${port} is taken`);
    const endpoint = new Endpoint(this, port, options, sink);
    this.#endpoints.set(port, endpoint);
    return endpoint;
  }

  at(port: number): Endpoint | null {
    return this.#endpoints.get(port) ?? null;
  }

  closed(endpoint: Endpoint): void {
    if (this.#endpoints.get(endpoint.port) === endpoint) this.#endpoints.delete(endpoint.port);
  }

  dial(from: Endpoint, node: string, port: number, incarnation: bigint): Connection {
    const connection = new Connection(this, ++this.#ids, from, node, port, incarnation);
    this.#connections.push(connection);
    this.options.changed(connection);
    return connection;
  }

  over(connection: Connection): void {
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
    this.options.changed(connection);
  }
}

export class Endpoint implements LaneEndpoint {
  readonly port: number;
  readonly options: ListenOptions;
  readonly sink: LaneSink;
  readonly #network: ModelNetwork;
  readonly #live = new Map<number, LaneEnd>();
  #ids = 0;
  #resets = 0;
  helloRefused = 0;

  constructor(network: ModelNetwork, port: number, options: ListenOptions, sink: LaneSink) {
    this.#network = network;
    this.port = port;
    this.options = options;
    this.sink = sink;
  }

  dial(node: string, _host: string, port: number, incarnation: bigint): number {
    return this.#network.dial(this, node, port, incarnation).dialled.id;
  }

  find(id: number): LaneEnd | null {
    const end = this.#live.get(id);
    return end?.up === true ? end : null;
  }

  peerIncarnation(id: number): bigint {
    return this.#live.get(id)?.peerIncarnation ?? 0n;
  }

  need(id: number, needed: boolean): void {
    this.#live.get(id)?.need(needed);
  }

  close(id: number): void {
    this.#live.get(id)?.close(true);
  }

  stats(): LaneStats {
    const up = [...this.#live.values()].filter((end) => end.up).length;
    return { lane_resets: this.#resets, lane_hello_refused: this.helloRefused, lanes_up: up };
  }

  end(abrupt: boolean): void {
    for (const end of [...this.#live.values()]) end.close(!abrupt);
    this.#network.closed(this);
  }

  // ---- for connections ----

  newEnd(peer: string, incarnation: bigint, side: Side, carrier: Carrier): LaneEnd {
    const id = ++this.#ids;
    const { window } = this.#network.options;
    const end = new LaneEnd(id, peer, incarnation, side, this.options, this.sink, carrier, window);
    this.#live.set(id, end);
    return end;
  }

  /** One lane a direction and pair: what an earlier one may still deliver must not be mixed with this one's. */
  comingUp(end: LaneEnd): void {
    for (const earlier of [...this.#live.values()]) {
      const same = earlier.side === 'listener' && earlier.up && earlier.peer === end.peer;
      if (earlier !== end && same) earlier.end(LANE_LOST, true);
    }
  }

  ended(end: LaneEnd, reset: boolean): void {
    if (reset) this.#resets++;
    this.#live.delete(end.id);
  }
}

export class Connection implements LaneConnection, Carrier {
  readonly id: number;
  readonly dialled: LaneEnd;
  readonly listener: string;
  stalled = false;
  readonly #network: ModelNetwork;
  readonly #from: Endpoint;
  readonly #port: number;
  readonly #incarnation: bigint;
  readonly #wires: Record<Side, Travelling[]> = { dialler: [], listener: [] }; // by whom they travel towards
  #to: Endpoint | null = null;
  #accepted: LaneEnd | null = null;
  #timer: Timer | null;

  constructor(
    network: ModelNetwork, id: number, from: Endpoint, node: string, port: number, incarnation: bigint,
  ) {
    this.id = id;
    this.listener = node;
    this.#network = network;
    this.#from = from;
    this.#port = port;
    this.#incarnation = incarnation;
    this.dialled = from.newEnd(node, incarnation, 'dialler', this);
    this.#timer = from.options.clock.after(from.options.connectMs, () => { this.lose(); }); // prettier-ignore
  } // prettier-ignore

  get dialler(): string {
    return this.#from.options.node;
  }

  get state(): 'dialling' | 'up' | 'ended' {
    if (this.#accepted === null) return this.dialled.stage === 'ended' ? 'ended' : 'dialling';
    return this.dialled.stage === 'ended' && this.#accepted.stage === 'ended' ? 'ended' : 'up';
  }

  get broken(): Side | null {
    const [dialled, accepted] = [this.dialled.stage === 'ended', this.#accepted?.stage === 'ended'];
    if (this.#accepted === null || dialled === accepted) return null;
    return dialled ? 'dialler' : 'listener';
  }

  connect(): void {
    if (this.state !== 'dialling') return;
    const to = this.#network.at(this.#port);
    if (to === null) {
      this.lose();
      return;
    }
    const { node, incarnation } = to.options;
    if (node !== this.listener || (this.#incarnation !== 0n && this.#incarnation !== incarnation)) {
      this.#timer?.cancel();
      to.helloRefused++;
      this.#from.helloRefused++;
      this.dialled.end(reason('lane_refused'), false);
      return;
    }
    this.#timer?.cancel();
    this.#to = to;
    this.#accepted = to.newEnd(this.dialler, this.#from.options.incarnation, 'listener', this);
    this.dialled.peerIncarnation = incarnation;
    if (this.#network.options.silence) {
      this.dialled.watchSilence();
      this.#accepted.watchSilence();
    }
    this.dialled.comeUp();
  }

  lose(): void {
    if (this.state === 'dialling') this.dialled.end(LANE_LOST, true);
  }

  pending(to: Side): number {
    if (!this.#reaches(to)) return 0;
    return this.#wires[to].reduce(
      (parts, { message, begun }) => parts + (message.kind === 'run' && !begun ? 2 : 1),
      0,
    );
  }

  deliver(to: Side): boolean {
    const end = this.#end(to);
    const next = this.#wires[to][0];
    if (end === null || next === undefined || this.stalled || !this.#reaches(to)) return false;
    const { message } = next;
    if (message.kind === 'run' && !next.begun) {
      next.begun = true;
      end.head(message.run);
      return true;
    }
    this.#wires[to].shift();
    if (message.kind === 'run') end.payload(message.values);
    else if (message.kind !== 'ready') end.word(message);
    else if (to === 'listener' && end.stage === 'waiting') this.#ready(end);
    return true;
  }

  cut(side?: Side): void {
    if (this.state === 'dialling') {
      this.lose();
      return;
    }
    this.#wires.dialler = [];
    this.#wires.listener = [];
    if (side !== 'listener') this.dialled.end(LANE_LOST, true);
    if (side !== 'dialler') this.#accepted?.end(LANE_LOST, true);
  }

  clog(to: Side, clogged: boolean): void {
    this.#end(other(to))?.clog(clogged);
  }

  corruptNext(to: Side): boolean {
    const run = this.#wires[to].find(({ message, begun }) => message.kind === 'run' && !begun)?.message;
    if (run?.kind !== 'run') return false;
    run.values = run.values.map((value, i) => (i === 0 ? `${value}~` : value));
    return true;
  }

  duplicateNext(to: Side): boolean {
    const at = this.#wires[to].findIndex(({ begun }) => !begun);
    const next = this.#wires[to][at];
    if (next === undefined || next.message.kind === 'ready') return false;
    this.#wires[to].splice(at, 0, { message: { ...next.message }, begun: false });
    return true;
  }

  // ---- for the ends ----

  send(from: Side, message: LaneMessage): void {
    const to = other(from);
    if (this.#end(to)?.stage === 'ended') return;
    this.#wires[to].push({ message, begun: false });
    this.#network.options.sent(this, to, message);
    this.#network.options.changed(this);
  }

  ended(end: LaneEnd, reset: boolean): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#wires[end.side] = [];
    const endpoint = end.side === 'dialler' ? this.#from : this.#to;
    endpoint?.ended(end, reset);
    if (this.state === 'ended') this.#network.over(this);
    else this.#network.options.changed(this);
  }

  hears(side: Side): boolean {
    const far = this.#end(other(side));
    return !this.stalled && far !== null && far.stage !== 'ended';
  }

  #ready(end: LaneEnd): void {
    this.#to?.comingUp(end);
    end.comeUp();
  }

  #end(side: Side): LaneEnd | null {
    return side === 'dialler' ? this.dialled : this.#accepted;
  }

  #reaches(to: Side): boolean {
    const end = this.#end(to);
    return end !== null && end.stage !== 'ended';
  }
}

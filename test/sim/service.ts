// One node's transfer service: the shipped service, ledger and sessions over the model of the native bus. The arena outlives it.
import type { NativeAttach } from '#engines/reference/native.ts';
import { createTransferMetrics, type TransferMetrics } from '#transfer/metrics.ts';
import { Service, type RouterStream, type ServiceOptions } from '#transfer/service.ts';
import { Session, type Carrier } from '#transfer/session.ts';
import type { ToService } from '#transfer/wire.ts';
import type { Geometry } from '#core/geometry.ts';
import { ModelArena } from './bus/arena.ts';
import { ModelBus } from './bus/bus.ts';
import type { Attached, LaneNetwork, Processes } from './bus/contract.ts';
import type { Timeline } from './clock.ts';
import type { Accepted, ControlListener } from './control.ts';
import type { SimLog } from './log.ts';
import type { Process } from './process.ts';
import type { Chance } from './random.ts';

export interface ServiceParts {
  node: string;
  key: Uint8Array;
  arenaBytes: number;
  shareMax: number;
  geometry: Geometry;
  lanes: LaneNetwork;
  processes: Processes;
  timeline: Timeline;
  chance: Chance;
  log: SimLog;
  spawn(): Process;
  violation: (text: string) => void;
}

interface Life {
  process: Process;
  bus: ModelBus;
  service: WatchedService;
  metrics: TransferMetrics;
}

/** The shipped service, which must take no message of a stream that another one of the same router has replaced. */
class WatchedService extends Service {
  readonly #newest = new Map<string, RouterStream>();
  readonly #node: string;
  readonly #violation: (text: string) => void;
  /** The stream whose batch is being taken. */
  taking: RouterStream | null = null;

  constructor(bus: ModelBus, options: ServiceOptions, violation: (text: string) => void) {
    super(bus, options);
    this.#node = options.node;
    this.#violation = violation;
  }

  override join(router: string, stream: RouterStream): void {
    this.#newest.set(router, stream);
    super.join(router, stream);
  }

  override receive(router: string, message: ToService): void {
    if (this.#newest.get(router) !== this.taking)
      this.#violation(
        `service ${this.#node}: took ${message.$case} of a stream that was replaced (invariant 4)`,
      );
    super.receive(router, message);
  }
}

export class ServiceNode implements ControlListener {
  readonly parts: ServiceParts;
  readonly arena: ModelArena;
  /** Of all its lives, for what they counted. */
  readonly lives: Life[] = [];
  #life: Life | null = null;

  constructor(parts: ServiceParts) {
    this.parts = parts;
    this.arena = new ModelArena(parts.arenaBytes, 256, parts.processes);
    this.start();
  }

  get node(): string {
    return this.parts.node;
  }

  get life(): Life | null {
    return this.#life;
  }

  get process(): Process | null {
    return this.#life?.process ?? null;
  }

  listening(): Process | null {
    return this.process;
  }

  start(): void {
    if (this.#life !== null) return;
    const { node, key, arenaBytes, shareMax, lanes, timeline, chance, log } = this.parts;
    const process = this.parts.spawn();
    const { clock } = process;
    let service: WatchedService | null = null;
    const wake = (): void => {
      timeline.after(chance.between(0.01, 0.1), () => {
        process.deliver(() => { service?.wake(); }); // prettier-ignore
      });
    };
    const bus = new ModelBus(this.arena, {
      node, arenaPath: '', arenaBytes, slotsMax: 256, prefault: false, socketPath: '', laneHost: node, lanePort: 0,
      clusterKeys: [key], laneSilenceMs: 2000, laneConnectMs: 1000, ticketShareMax: shareMax, verify: true,
      clock, network: lanes, epoch: () => chance.whole(1, 2 ** 31),
    }, wake); // prettier-ignore
    const metrics = createTransferMetrics(() => bus.counters());
    const options = { node, laneHost: node, arenaBytes, metrics, clock, log: log.logger(`svc ${node}`) };
    service = new WatchedService(bus, options, this.parts.violation);
    service.wake();
    this.#life = { process, bus, service, metrics };
    this.lives.push(this.#life);
  }

  kill(): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    life.process.kill();
    life.bus.crash();
  }

  /** SIGTERM: drains, closes, starts again. */
  async drain(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    await life.service.drain(500);
    await life.service.close();
    if (this.#life !== life) return;
    life.bus.close();
    this.#life = null;
    life.process.kill();
  }

  attach({ engine, namespace }: NativeAttach, pid: number): Attached {
    return this.attachAs(engine, namespace, pid);
  }

  attachAs(engine: string, namespace: Uint8Array, pid: number): Attached {
    const life = this.#life;
    if (life === null || life.process.stopped)
      return { ok: false, code: -2, message: 'no service answers at this socket' };
    return life.bus.attach({ engine, namespace, geometry: this.parts.geometry, pid });
  }

  accept(carrier: Carrier): Accepted {
    const { key, timeline, chance, log, node } = this.parts;
    const life = this.#life;
    if (life === null) throw new Error('a stream came to a service that is gone');
    const { service, metrics, process } = life;
    const session = new Session(carrier, {
      service, keys: [key], clock: process.clock, random: chance, log: log.logger(`svc ${node}`), metrics,
      turn: (work) => timeline.after(0.01, () => { process.deliver(work); }),
    }); // prettier-ignore
    return {
      receive: (batch) => {
        service.taking = session;
        session.receive(batch);
      },
      lost: () => { session.lost(); },
    };
  } // prettier-ignore
}

// The router: the shipped world and journey on virtual time, its edge and its links in memory. A killed one forgets everything.
import type { Settings } from '#core/settings.ts';
import type { EdgeHandler } from '#router/edge/contract.ts';
import { startWorld } from '#router/main.ts';
import { publicHandler } from '#router/server.ts';
import type { LinkFactory } from '#router/services.ts';
import type { World } from '#router/world.ts';
import { Connection } from '#transfer/connection.ts';
import { controlDial, type ControlListener } from './control.ts';
import { MemoryUpstream, type Listener } from './legs.ts';
import type { SimLog } from './log.ts';
import type { Network } from './network.ts';
import type { Process } from './process.ts';
import type { Chance } from './random.ts';
import type { Seen } from './seen.ts';

export interface RouterParts {
  config: Settings;
  key: Uint8Array;
  network: Network;
  chance: Chance;
  log: SimLog;
  spawn(): Process;
  service: (address: string) => ControlListener;
  engine: (origin: string) => { node: string; listener: () => Listener | null };
  violation: (text: string) => void;
  /** Sees what goes in and out. */
  seen: Seen;
}

export class RouterNode {
  readonly parts: RouterParts;
  process: Process;
  world: World | null = null;
  handler: EdgeHandler | null = null;

  constructor(parts: RouterParts) {
    this.parts = parts;
    this.process = this.#start();
  }

  kill(): void {
    this.process.kill();
    this.world = null;
    this.handler = null;
  }

  restart(): void {
    if (!this.process.alive) this.process = this.#start();
  }

  /** A second process takes its address; the first is left as it is. */
  replace(): void {
    this.world = null;
    this.handler = null;
    this.process = this.#start();
  }

  /** Who listens at its public address. */
  listening(): Process | null {
    return this.handler === null ? null : this.process;
  }

  #start(): Process {
    const { config, key, network, chance, log, seen } = this.parts;
    const process = this.parts.spawn();
    const { clock } = process;
    const { timeline } = network;
    const dial = controlDial(network, process, this.parts.service, this.parts.violation);
    const makeLink: LinkFactory = ({ node, address }, events) =>
      seen.link(new Connection(dial, {
        node, address, router: config.router.name, keys: [key], clock, random: chance, log: log.logger('router'),
        events: seen.events(node, events),
        turn: (work) => timeline.after(0.01, () => { process.deliver(work); }),
      })); // prettier-ignore
    const { connect_ms: connectMs } = config.router.timeouts;
    const sending = (request: string): void => { seen.sending(request); }; // prettier-ignore
    const upstream = new MemoryUpstream(network, process, connectMs, this.parts.engine, sending);
    const options = {
      keys: [key],
      log: log.logger('router', this.parts.violation),
      clock,
      random: chance,
      makeLink,
      upstream,
    };
    void startWorld(config, options).then(({ world }) => {
      if (!process.alive || this.process !== process) return;
      this.world = world;
      this.handler = publicHandler(world);
      log.add('router', 'listens');
    });
    return process;
  }
}

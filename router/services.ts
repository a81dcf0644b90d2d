// The transfer services: a link to each, which engines are attached where, and what each tells.
import { BatonError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import { planted } from '#planted';
import type { ChunkIndex } from './index/index.ts';
import type { AttachmentInfo, LinkEvents, ServiceInfo, ServiceLink } from './link.ts';
import type { Pools } from './pools.ts';
import type { Tickets } from './tickets.ts';

export interface ServiceEntry {
  node: string;
  address: string;
}
export type LinkFactory = (entry: ServiceEntry, events: LinkEvents) => ServiceLink;

interface Service {
  node: string;
  link: ServiceLink;
  up: boolean;
  draining: boolean;
}

export interface ServicesOptions {
  entries: readonly ServiceEntry[];
  makeLink: LinkFactory;
  pools: Pools;
  tickets: Tickets;
  index: ChunkIndex;
  log: Logger;
}

export class Services {
  private readonly options: ServicesOptions;
  private readonly services = new Map<string, Service>();

  constructor(options: ServicesOptions) {
    this.options = options;
    for (const entry of options.entries) {
      const service: Service = { node: entry.node, up: false, draining: false, link: NO_LINK };
      this.services.set(entry.node, service);
      service.link = options.makeLink(entry, this.eventsOf(service));
    }
  }

  get nodes(): string[] {
    return [...this.services.keys()];
  }

  /** Each as it is now, for people. */
  describe(): { node: string; up: boolean; draining: boolean; info: ServiceInfo | null }[] {
    return [...this.services.values()].map(({ node, up, draining, link }) => {
      return { node, up, draining, info: link.info() };
    });
  }

  up(node: string): boolean {
    return this.services.get(node)?.up ?? false;
  }

  /** The link and what its service is now; `service_lost` while it is down. */
  reach(node: string | null): { link: ServiceLink; info: ServiceInfo } {
    const service = node === null ? undefined : this.services.get(node);
    const info = service?.link.info() ?? null;
    if (service === undefined || info === null)
      throw new BatonError('service_lost', `The service of node ${node ?? '(none)'} is not connected.`);
    return { link: service.link, info };
  }

  /** The link, connected or not; what is sent while it is down is lost, leases end by themselves. */
  link(node: string): ServiceLink | null {
    return this.services.get(node)?.link ?? null;
  }

  async close(): Promise<void> {
    await Promise.all([...this.services.values()].map(({ link }) => link.close()));
  }

  private eventsOf(service: Service): LinkEvents {
    const { pools, tickets, index, log } = this.options;
    const { node } = service;
    const attach = (info: AttachmentInfo, attached: boolean): void => {
      const engine = pools.engine(info.engine);
      if (engine?.node === node) engine.attach(attached ? info : null, service.up && !service.draining);
    };
    const detachAll = (): void => {
      for (const engine of pools.ofNode(node)) engine.attach(null, false);
    };
    return {
      up(info) {
        service.up = true;
        service.draining = false;
        log.info({ node, incarnation: String(info.incarnation) }, 'service is up');
      },
      snapshot(snapshot) {
        service.draining = snapshot.draining;
        detachAll();
        for (const info of snapshot.attachments) attach(info, true);
        index.clear(node);
        index.stored(node, snapshot.keys);
        for (const progress of snapshot.tickets) tickets.progress(progress);
      },
      progress: (progress) => {
        tickets.progress(progress);
      },
      report: (report) => {
        tickets.report(report);
      },
      chunks({ relist, stored, removed }) {
        if (relist) index.clear(node);
        index.stored(node, stored);
        index.removed(node, removed);
      },
      attachment: attach,
      draining() {
        service.draining = true;
        for (const engine of pools.ofNode(node)) engine.attach(engine.attachment, false);
      },
      // Why, the link has logged.
      down() {
        service.up = false;
        detachAll();
        if (!planted('service_lost_unheard')) tickets.serviceLost(node);
      },
    };
  }
}

// Stands until the factory returns: a link may call its events no earlier.
const NO_LINK: ServiceLink = {
  node: '',
  info: () => null,
  open: () => Promise.reject(new BatonError('service_lost')),
  expect: () => Promise.reject(new BatonError('service_lost')),
  abort: () => undefined,
  renew: () => undefined,
  settle: () => undefined,
  close: () => Promise.resolve(),
};

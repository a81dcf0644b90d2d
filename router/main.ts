// Starts a router: reads what is configured, connects engines and services, listens.
import type { Clock } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import type { Logger } from '#core/log.ts';
import { createMetrics } from '#core/metrics.ts';
import type { Random } from '#core/random.ts';
import type { Settings } from '#core/settings.ts';
import { connectService } from '#transfer/client.ts';
import { Access } from './access.ts';
import { adminHandler } from './admin.ts';
import { Admission } from './admission.ts';
import { checkSettings } from './check.ts';
import { createEdgeServer, type EdgeBounds } from './edge/server.ts';
import type { EdgeHandler, EdgeServer, Upstream } from './edge/contract.ts';
import { createUpstream } from './edge/upstream.ts';
import { KvEvents } from './kv-events/kv-events.ts';
import type { KvTransport } from './kv-events/zeromq.ts';
import { LoadPoller } from './load/poller.ts';
import { createIds, createRequestIds } from './ids.ts';
import { ChunkIndex } from './index/index.ts';
import { Journeys } from './journeys.ts';
import { ROUTER_METRICS } from './metrics.ts';
import { createModels } from './models.ts';
import { Rates } from './placement/rates.ts';
import { Pools } from './pools.ts';
import { publicHandler } from './server.ts';
import { RetryBudget } from './retry-budget.ts';
import { Roots } from './roots.ts';
import { Services, type LinkFactory } from './services.ts';
import { renewTicket } from './stages/settle.ts';
import { createTenants } from './tenants.ts';
import { Tickets } from './tickets.ts';
import { PAGE_HEADERS, uiHandler } from './ui/handler.ts';
import { Sampler } from './ui/sampler.ts';
import { Watch } from './watch.ts';
import type { World } from './world.ts';

export interface RouterOptions {
  /** Cluster keys, the proving one first. */
  keys: readonly Uint8Array[];
  /** What the admin listener asks for; null or absent: nothing. */
  adminKey?: Uint8Array | null;
  log: Logger;
  clock: Clock;
  random: Random;
  /** Other carriers than gRPC, for tests and the simulation. */
  makeLink?: LinkFactory;
  upstream?: Upstream;
  kvTransport?: KvTransport;
  /** Other bounds of the listeners, for tests. */
  edge?: EdgeBounds;
}

export interface RunningRouter {
  url: string;
  adminUrl: string;
  /** Admits nothing more; what runs ends by itself or, after drain_ms, with `shutting_down`. Then answers are with their clients. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export async function runRouter(config: Settings, options: RouterOptions): Promise<RunningRouter> {
  const settings = config.router;
  const { world, close } = await startWorld(config, options);
  try {
    const toPublic = publicHandler(world);
    const server = await createEdgeServer(settings.host, settings.port, toPublic, options.edge);
    const sampler = new Sampler(world.clock, world.metrics, () => world.admission.requests.used);
    const admin = await listenAdmin(world, options, sampler, toPublic).catch(async (error: unknown) => {
      sampler.close();
      await server.close();
      throw error;
    });
    return {
      url: server.url,
      adminUrl: admin.url,
      drain: async () => {
        const last = options.clock.now() + settings.timeouts.drain_ms;
        await drain(world);
        await server.flushed(Math.max(LIMITS.stopMs, last - options.clock.now()), options.clock);
      },
      close: async () => {
        world.watch.cancelAll(new BatonError('shutting_down'));
        sampler.close();
        await server.close();
        await admin.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function listenAdmin(
  world: World,
  { adminKey, edge }: RouterOptions,
  sampler: Sampler,
  toPublic: EdgeHandler,
): Promise<EdgeServer> {
  const { admin } = world.settings;
  const access = new Access(admin, adminKey ?? null);
  const handler = adminHandler(world, access, uiHandler(world, access, sampler, toPublic));
  return createEdgeServer(admin.host, admin.port, handler, edge, PAGE_HEADERS);
}

/** All of a router but its listeners: engines have been asked once, services are being dialled. */
export async function startWorld(
  config: Settings,
  options: RouterOptions,
): Promise<{ world: World; close: () => Promise<void> }> {
  checkSettings(config.router, options.keys);
  const world = await createWorld(config, options);
  await world.pools.start();
  const load = new LoadPoller({ engines: world.pools.engines, ...world });
  const close = async (): Promise<void> => {
    load.close();
    world.kvEvents.close();
    world.pools.close();
    await world.services.close();
    await world.upstream.close();
  };
  try {
    await load.start();
    await world.kvEvents.start();
    return { world, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function createWorld(
  config: Settings,
  { keys, log, clock, random, ...carriers }: RouterOptions,
): Promise<World> {
  const settings = config.router;
  const { placement, timeouts } = settings;
  const rates = new Rates({
    prefillTokensPerS: placement.prefill_tokens_per_s,
    transferBytesPerS: placement.transfer_bytes_per_s,
  });
  const tenants = createTenants(config.tenants, keys[0] ?? null, random);
  const upstream = carriers.upstream ?? createUpstream({ connectMs: timeouts.connect_ms });
  const pools = new Pools({ entries: settings.engines, rates, upstream, clock, log });
  const models = await createModels(settings.models, pools, clock, log);
  const tickets = new Tickets(clock);
  const index = new ChunkIndex(LIMITS.indexKeysMax);
  const metrics = createMetrics(ROUTER_METRICS);
  // The library is loaded only where it is used.
  const transport = async (): Promise<KvTransport> =>
    carriers.kvTransport ?? (await import('./kv-events/zeromq.ts')).zeromq;
  const kvEvents = new KvEvents({ entries: settings.engines, index, metrics, log, transport });
  const makeLink: LinkFactory =
    carriers.makeLink ??
    ((entry, events) =>
      connectService({ ...entry, router: settings.name, keys, clock, random, log, events }));
  const services = new Services({ entries: settings.services, makeLink, pools, tickets, index, log });
  const watch = new Watch(clock, timeouts.lease_ms, (ctx) => {
    renewTicket(ctx, services, timeouts.lease_ms);
  });
  return {
    settings, clock, random, log, upstream, tenants, models, pools, services, tickets, index, kvEvents, rates, watch,
    roots: new Roots(),
    retries: new RetryBudget(),
    newRequestId: createRequestIds(random),
    newTicketId: createIds(random),
    admission: new Admission(settings.limits, clock),
    journeys: new Journeys(settings.limits.journeys),
    metrics,
  }; // prettier-ignore
}

async function drain(world: World): Promise<void> {
  const { clock, admission, watch } = world;
  const timer = clock.after(world.settings.timeouts.drain_ms, () => {
    watch.cancelAll(new BatonError('shutting_down'));
  });
  await admission.drain();
  timer.cancel();
}

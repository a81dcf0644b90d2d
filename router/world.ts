// Everything that stages decide with, as one argument.
import type { Clock } from '#core/clock.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import type { RouterSettings } from '#core/settings.ts';
import type { Admission } from './admission.ts';
import type { Upstream } from './edge/contract.ts';
import type { ChunkIndex } from './index/index.ts';
import type { Journeys } from './journeys.ts';
import type { RouterMetrics } from './metrics.ts';
import type { KvEvents } from './kv-events/kv-events.ts';
import type { Model } from './models.ts';
import type { RequestContext } from './request.ts';
import type { Rates } from './placement/rates.ts';
import type { Pools } from './pools.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { Roots } from './roots.ts';
import type { Services } from './services.ts';
import type { Tenants } from './tenants.ts';
import type { Tickets } from './tickets.ts';
import type { Watch } from './watch.ts';

export interface World {
  settings: RouterSettings;
  clock: Clock;
  random: Random;
  log: Logger;
  upstream: Upstream;
  admission: Admission;
  tenants: Tenants;
  models: ReadonlyMap<string, Model>;
  pools: Pools;
  services: Services;
  tickets: Tickets;
  index: ChunkIndex;
  kvEvents: KvEvents;
  rates: Rates;
  roots: Roots;
  retries: RetryBudget;
  newRequestId: () => string;
  newTicketId: () => Uint8Array;
  journeys: Journeys;
  metrics: RouterMetrics;
  watch: Watch;
}

export type Stage = (ctx: RequestContext, world: World) => Promise<void> | void;

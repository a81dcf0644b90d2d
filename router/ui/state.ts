// What the page shows of this router now: pools with load and room, services, and the last requests. Counts, times and placement
// only.
import { VERSION } from '#core/version.ts';
import { readiness } from '../health.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Engine } from '../pools.ts';
import type { World } from '../world.ts';

export function stateJson(world: World): string {
  const { settings, admission, models, tickets, index, journeys, tenants, clock } = world;
  const { ready, reason } = readiness(models.values(), settings.placement.mode, admission.draining);
  const now = clock.now();
  return JSON.stringify({
    router: { name: settings.name, version: VERSION, ready, reason, mode: settings.placement.mode },
    /** A question needs an API key as any other request does. */
    api_key: tenants.keyed,
    load: {
      requests: admission.requests.used,
      requests_max: admission.requests.bound,
      tokens: admission.tokens.used,
      tickets: tickets.size,
      index_keys: index.size,
    },
    pools: [...models.values()].map((model) => {
      return { model: model.name, engines: model.engines.map(engineView) };
    }),
    services: servicesView(world),
    requests: journeys.newest(ROUTER_LIMITS.requestsListedMax).map((record) => record.summary(now)),
  });
}

function engineView(engine: Engine): object {
  const { name, role, dialect, node, healthy, running, others, kvTokens, promisedTokens, pendingTokens } =
    engine;
  return {
    name,
    role,
    dialect,
    node,
    healthy,
    /** Attached at its node's service, and takes tickets. */
    attached: engine.namespace !== null,
    running,
    others,
    pending_tokens: pendingTokens,
    kv_tokens: kvTokens,
    promised_tokens: promisedTokens,
    free_tokens: engine.freeTokens,
    prefill_tokens_per_s: engine.prefillTokensPerS,
    /** JSON knows no Infinity: null until measured. */
    decode_ms_per_token: engine.decodeMsPerToken,
  };
}

function servicesView({ services, index, rates }: World): object[] {
  return services.describe().map(({ node, up, draining, info }) => {
    return {
      node,
      up,
      draining,
      arena_bytes: info?.arenaBytes ?? null,
      version: info?.version ?? null,
      chunks: index.heldBy(node),
      bytes_per_s: rates.transferTo(node),
    };
  });
}

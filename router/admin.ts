// The admin listener: metrics and health for whoever comes; journeys and the page for whom access.ts lets in. Loopback unless
// configured otherwise.
import { BatonError } from '#core/errors.ts';
import type { Access } from './access.ts';
import { answerError } from './api/errors.ts';
import type { Downstream, EdgeHandler, EdgeRequest } from './edge/contract.ts';
import { readiness } from './health.ts';
import { answerHealth, answerJson, guarded, requestId, requireGet } from './server.ts';
import { isUiPath, type UiHandler } from './ui/handler.ts';
import type { World } from './world.ts';

const JOURNEY = /^\/debug\/requests\/([A-Za-z0-9._-]{1,128})$/;

export function adminHandler(world: World, access: Access, ui: UiHandler): EdgeHandler {
  world.metrics.beforeScrape(() => {
    collect(world);
  });
  return (request, downstream) => {
    const id = requestId(request, world);
    guarded(downstream, id, () => {
      if (isUiPath(request.path)) ui(request, downstream, id);
      else route(request, downstream, id, world, access);
    });
  };
}

function route(request: EdgeRequest, downstream: Downstream, id: string, world: World, access: Access): void {
  const { path } = request;
  const journey = JOURNEY.exec(path)?.[1];
  if (path !== '/metrics' && journey === undefined && !path.startsWith('/health/'))
    throw new BatonError('not_found', 'There is no such path.');
  requireGet(request);
  if (path === '/metrics') {
    world.metrics.expose().then(
      (text) => {
        answerJson(downstream, id, 200, text, world.metrics.contentType);
      },
      (error: unknown) => {
        answerError(downstream, id, BatonError.from(error));
      },
    );
  } else if (journey === undefined) answerHealth(path, downstream, id, world);
  else {
    access.check(request);
    const record = world.journeys.get(journey);
    if (record === null) throw new BatonError('not_found', 'No request of this id is kept.');
    answerJson(downstream, id, 200, record.toJson());
  }
}

/** Values that are kept elsewhere. */
function collect(world: World): void {
  const { metrics, admission, models, services, tickets, index } = world;
  metrics.set('baton_router_requests_in_flight', admission.requests.used);
  metrics.set('baton_router_bytes_in_flight', admission.bytes.used);
  metrics.set('baton_router_tokens_in_flight', admission.tokens.used);
  metrics.set('baton_router_services_up', services.nodes.filter((node) => services.up(node)).length);
  metrics.set(
    'baton_router_engines_measured',
    world.pools.engines.filter(({ load }) => load !== null).length,
  );
  metrics.set('baton_router_tickets_live', tickets.size);
  metrics.set('baton_router_late_messages', tickets.late);
  metrics.set('baton_router_kv_event_blocks', world.kvEvents.blocks.known);
  metrics.set('baton_router_kv_event_orphans', world.kvEvents.blocks.orphans);
  metrics.set('baton_router_index_keys', index.size);
  metrics.set('baton_router_index_evicted', index.evicted);
  const { ready } = readiness(models.values(), world.settings.placement.mode, admission.draining);
  metrics.set('baton_router_ready', ready ? 1 : 0);
  for (const model of models.values()) {
    metrics.set('baton_router_rendering_off', model.renderingOff ? 1 : 0, { model: model.name });
    for (const role of ['prefill', 'decode', 'both'] as const) {
      const up = model.engines.filter((engine) => engine.role === role && engine.healthy).length;
      metrics.set('baton_router_engines_up', up, { model: model.name, role });
    }
  }
}

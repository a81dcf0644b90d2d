// The public listener: OpenAI's paths and health. And what it shares with the admin listener.
import { BatonError, type ErrorCode } from '#core/errors.ts';
import { answerError } from './api/errors.ts';
import { modelEntry, modelList } from './api/models.ts';
import type { Downstream, EdgeHandler, EdgeRequest } from './edge/contract.ts';
import { readiness } from './health.ts';
import { runJourney } from './journey.ts';
import { JourneyRecord } from './journeys.ts';
import { RequestContext, type Endpoint } from './request.ts';
import type { World } from './world.ts';

const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completions'],
]);
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

export function publicHandler(world: World): EdgeHandler {
  return (request, downstream) => {
    const id = requestId(request, world);
    const endpoint = ENDPOINTS.get(request.path);
    if (endpoint === undefined) {
      guarded(downstream, id, () => {
        answerGet(request, downstream, id, world);
      });
      return;
    }
    if (request.method !== 'POST') {
      answerError(downstream, id, new BatonError('method_not_allowed', 'Use POST.'), ['allow', 'POST']);
      return;
    }
    const now = world.clock.now();
    const record = new JourneyRecord(id, endpoint, now);
    world.journeys.add(record);
    const deadline = now + world.settings.timeouts.request_ms;
    const ctx = new RequestContext(id, endpoint, request, downstream, now, deadline, record);
    downstream.onLeave(() => {
      ctx.cancel.fire(new BatonError('client_closed'));
    });
    world.watch.add(ctx);
    void runJourney(ctx, world);
  };
}

function answerGet(request: EdgeRequest, downstream: Downstream, id: string, world: World): void {
  const { path } = request;
  const known = path === '/v1/models' || path.startsWith('/v1/models/') || path.startsWith('/health/');
  if (!known) throw new BatonError('not_found', 'There is no such path.');
  requireGet(request);
  if (path.startsWith('/health/')) {
    answerHealth(path, downstream, id, world);
    return;
  }
  world.tenants.of(request.headers['authorization'] as string | undefined);
  if (path === '/v1/models') {
    answerJson(downstream, id, 200, modelList([...world.models.values()]));
    return;
  }
  const name = decodeURIComponent(path.slice('/v1/models/'.length));
  const model = world.models.get(name);
  if (model === undefined) throw new BatonError('model_not_found');
  answerJson(downstream, id, 200, modelEntry(model));
}

export function answerHealth(path: string, downstream: Downstream, id: string, world: World): void {
  if (path === '/health/live') {
    answerJson(downstream, id, 200, '{"status":"ok"}');
    return;
  }
  if (path !== '/health/ready') throw new BatonError('not_found', 'There is no such path.');
  const { ready, reason } = readiness(
    world.models.values(),
    world.settings.placement.mode,
    world.admission.draining,
  );
  answerJson(
    downstream,
    id,
    ready ? 200 : 503,
    JSON.stringify({ status: ready ? 'ok' : 'not_ready', reason }),
  );
}

/** Runs `work`; what it throws becomes the answer. */
export function guarded(downstream: Downstream, id: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const known = error instanceof URIError ? new BatonError('not_found') : BatonError.from(error);
    answerError(downstream, id, known, TELLING[known.code] ?? []);
  }
}

/** Headers that say more of an error. */
const TELLING: Partial<Record<ErrorCode, readonly string[]>> = {
  method_not_allowed: ['allow', 'GET'],
  invalid_admin_key: ['www-authenticate', 'Bearer'],
};

export function requireGet(request: EdgeRequest): void {
  if (request.method !== 'GET') throw new BatonError('method_not_allowed', 'Use GET.');
}

export function answerJson(
  to: Downstream,
  id: string,
  status: number,
  body: string,
  contentType = 'application/json',
  extra: readonly string[] = [],
): void {
  to.head(status, [
    'content-type',
    contentType,
    'content-length',
    String(Buffer.byteLength(body)),
    'x-request-id',
    id,
    ...extra,
  ]);
  to.end(body);
}

/** The client's own id where it is harmless, else a new one. */
export function requestId(request: EdgeRequest, world: World): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : world.newRequestId();
}

// admit: who asks, whether there is room to serve it, and what it asks for.
import { BatonError } from '#core/errors.ts';
import { readBody } from '../api/body.ts';
import { readChat } from '../api/chat.ts';
import { readPrompt } from '../api/completions.ts';
import { readParams } from '../api/params.ts';
import type { Headers } from '../edge/contract.ts';
import type { PlacementMode } from '../placement/decide.ts';
import type { RequestContext } from '../request.ts';
import type { World } from '../world.ts';

const MODES: ReadonlySet<string> = new Set<PlacementMode>(['auto', 'disaggregated', 'local']);

export async function admit(ctx: RequestContext, world: World): Promise<void> {
  const { edge, record } = ctx;
  const { headers } = edge;
  ctx.tenant = world.tenants.of(headers['authorization'] as string | undefined);
  record.tenant = ctx.tenant.name;
  readTrusted(ctx, headers, world.settings.trusted);
  const tenant = ctx.tenant.name;
  world.admission.enter(tenant);
  ctx.admitted = true;
  world.retries.earn();
  const contentType = headers['content-type'];
  if (contentType !== undefined && !/^application\/json\s*(;|$)/i.test(String(contentType))) {
    throw new BatonError('invalid_json', 'Send the body as content-type: application/json.');
  }
  const arriving = edge.body(world.settings.limits.body_bytes, (size) => {
    world.admission.takeBytes(tenant, size);
    ctx.bytesTaken += size;
  });
  const bytes = await ctx.cancel.race(arriving);
  const body = readBody(bytes);
  const fields = body.value;
  ctx.body = body;
  ctx.params = readParams(fields);
  ctx.prompt = ctx.endpoint === 'chat' ? readChat(fields) : readPrompt(fields);
  ctx.model = world.models.get(ctx.params.model) ?? null;
  if (ctx.model === null) {
    const shown = ctx.params.model.slice(0, 64);
    throw new BatonError('model_not_found', `The model "${shown}" is served by no pool. See /v1/models.`, {
      param: 'model',
    });
  }
  record.model = ctx.model.name;
  record.stream = ctx.params.stream;
}

/** Internal headers count from trusted callers only; from everybody else they are as good as absent. */
function readTrusted(ctx: RequestContext, headers: Headers, trusted: readonly string[]): void {
  const placement = headers['x-baton-placement'];
  const explain = headers['x-baton-explain'];
  if (placement === undefined && explain === undefined) return;
  if (!trusted.includes(ctx.edge.remoteAddress.replace(/^::ffff:(?=\d)/, ''))) return;
  ctx.explain = explain === '1';
  if (placement === undefined) return;
  if (typeof placement !== 'string' || !MODES.has(placement)) {
    throw new BatonError('invalid_type', 'x-baton-placement must be auto, disaggregated or local.', {
      param: 'x-baton-placement',
    });
  }
  ctx.mode = placement as PlacementMode;
}

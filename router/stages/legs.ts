// What both legs have in common: their bodies, headers and paths.
import { splice, type Edits } from '../api/body.ts';
import type { LegFacts } from '../dialects/dialect.ts';
import type { LegRequest } from '../edge/contract.ts';
import type { Engine } from '../pools.ts';
import { filled, type RequestContext } from '../request.ts';

export function legFacts(ctx: RequestContext, engine: Engine): LegFacts {
  // An engine of another namespace must not file its KV under this one's names.
  const named = ctx.named !== null && engine.namespace === ctx.named.namespaceHex ? ctx.named : null;
  return {
    params: filled(ctx.params, 'params'),
    ids: ctx.prompt?.kind === 'ids' ? null : (named?.idsJson ?? null),
    root: ctx.rootHex,
    named: named !== null,
    ticket: ctx.attempt?.ticket?.hex ?? null,
    engineParams: ctx.attempt?.engineParams?.json ?? null,
  };
}

export function legRequest(ctx: RequestContext, engine: Engine, edits: Edits): LegRequest {
  return {
    path: engine.basePath + ctx.edge.path,
    headers: { 'content-type': 'application/json', 'x-request-id': ctx.id },
    body: splice(filled(ctx.body, 'body'), edits),
  };
}

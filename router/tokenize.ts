// Token ids by the engine's own /tokenize, for models whose files the router does not have. An engine that does not answer leaves the
// prompt unnamed: it renders by itself then.
import { LIMITS } from '#core/limits.ts';
import { splice } from './api/body.ts';
import type { ScannedObject } from './api/json-scan.ts';
import { collect, type Collected } from './edge/collect.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { Model } from './models.ts';
import type { Engine } from './pools.ts';
import { filled, type RequestContext } from './request.ts';
import type { World } from './world.ts';

/** What of a request is its prompt. */
const PROMPT: ReadonlySet<string> = new Set(['model', 'messages', 'tools', 'prompt']);

export async function tokenizeByEngine(
  ctx: RequestContext,
  world: World,
  model: Model,
): Promise<Uint32Array | null> {
  const engine = leastBusy(model.engines);
  if (engine === null) return null;
  const collected = await answered(ctx, world, engine);
  ctx.cancel.check();
  const tokens =
    collected?.ok === true && collected.answer.status === 200 ? read(collected.answer.body) : null;
  if (tokens === null) world.metrics.add('baton_router_tokenize_failures_total', 1, { model: model.name });
  return tokens;
}

function leastBusy(engines: readonly Engine[]): Engine | null {
  const busy = (engine: Engine): number => engine.running + engine.others;
  return engines.filter(({ healthy }) => healthy).sort((a, b) => busy(a) - busy(b))[0] ?? null;
}

/** Null: no answer in time, or the request is cancelled. */
async function answered(ctx: RequestContext, world: World, engine: Engine): Promise<Collected | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = world.clock.after(ROUTER_LIMITS.tokenizeMs, () => { resolve(null); }); // prettier-ignore
  const off = ctx.cancel.on(() => { resolve(null); }); // prettier-ignore
  const { leg, answer } = collect(world.upstream, engine.origin, {
    path: `${engine.basePath}/tokenize`,
    headers: { 'content-type': 'application/json', 'x-request-id': ctx.id },
    body: promptOf(filled(ctx.body, 'body')),
  });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    timer.cancel();
    off();
    leg.abort();
  }
}

function promptOf(body: ScannedObject): string {
  const others = body.members.filter(({ key }) => !PROMPT.has(key));
  return splice(body, new Map(others.map(({ key }) => [key, null])));
}

function read(answer: Buffer): Uint32Array | null {
  let tokens: unknown;
  try {
    tokens = (JSON.parse(answer.toString('utf8')) as { tokens?: unknown } | null)?.tokens;
  } catch {
    return null;
  }
  if (!Array.isArray(tokens) || tokens.length === 0 || tokens.length > LIMITS.promptTokensMax) return null;
  const list = tokens as unknown[];
  const good = list.every(
    (id) => typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 0xffffffff,
  );
  return good ? Uint32Array.from(list as number[]) : null;
}

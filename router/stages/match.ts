// match: how much of the prompt each node holds, and each engine that tells of its own cache.
import { filled, NOTHING, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';

export function match(ctx: RequestContext, world: World): void {
  const { named, tokens } = ctx;
  const model = filled(ctx.model, 'model');
  const own = tokens !== null && model.tellsBlocks;
  if (named === null) {
    ctx.held = own ? world.kvEvents.held(model.name, ctx.rootHex, tokens) : NOTHING;
    return;
  }
  const { counts, chunkTokens } = named;
  const held = own ? world.kvEvents.held(model.name, ctx.rootHex, tokens) : new Map<string, number>();
  for (const [node, chunks] of world.index.match(named.keys)) {
    const full = Math.min(chunks, counts.length - 1) * chunkTokens;
    held.set(node, full + (chunks === counts.length ? (counts.at(-1) ?? 0) : 0));
  }
  ctx.held = held;
}

// match: how much of the prompt each node holds.
import { NOTHING, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';

export function match(ctx: RequestContext, world: World): void {
  const { named } = ctx;
  if (named === null) {
    ctx.held = NOTHING;
    return;
  }
  const { counts, chunkTokens } = named;
  const held = new Map<string, number>();
  for (const [node, chunks] of world.index.match(named.keys)) {
    const full = Math.min(chunks, counts.length - 1) * chunkTokens;
    held.set(node, full + (chunks === counts.length ? (counts.at(-1) ?? 0) : 0));
  }
  ctx.held = held;
}

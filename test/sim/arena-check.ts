// What must hold in every arena whenever one looks (invariants 1, 3, 9), and once nothing uses it any more (invariant 4).
import { hex } from '#core/ids.ts';
import type { ModelArena } from './bus/arena.ts';
import type { Oracle } from './oracle.ts';

/** Slots never overlap, what is pinned is in use, a key is indexed once, and a sealed chunk of ours holds what its key names. */
export function arenaFlaws(arena: ModelArena, oracle: Oracle, namespace: Uint8Array): string[] {
  const flaws: string[] = [];
  const indexed = new Set<string>();
  const ours = hex(namespace);
  const used = arena.slots.filter(({ state }) => state !== 'free').sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const slot of used) {
    if (slot.offset < end) flaws.push(`two slots share bytes at ${slot.offset} (invariant 3)`);
    end = slot.offset + slot.bytes;
    if (slot.pins < 0) flaws.push(`a slot is pinned ${slot.pins} times (invariant 4)`);
    if (slot.state !== 'sealed') continue;
    if (slot.indexed && indexed.has(slot.key)) flaws.push(`key ${slot.key} is indexed twice (invariant 3)`);
    if (slot.indexed) indexed.add(slot.key);
    if (slot.namespace !== ours) continue;
    const right = oracle.right(slot.key);
    if (right === null) flaws.push(`key ${slot.key} names what no request of a tenant asked for (invariant 9)`);
    else if (slot.values.some((value, i) => value !== right[i]))
      flaws.push(`key ${slot.key} is sealed with other bytes than it names (invariant 1)`);
  } // prettier-ignore
  return flaws;
}

/** Nothing of any request is left. */
export function arenaAtRest({ slots }: ModelArena): string[] {
  return [...slots.entries()].flatMap(([id, { state, pins }]) => [
    ...(state === 'free' || state === 'sealed' ? [] : [`slot ${id} ${state} at rest (invariant 3)`]),
    ...(pins > 0 ? [`slot ${id} pinned ${pins} times at rest (invariant 4)`] : []),
  ]);
}

// place by brute force: every local and every pair that may be, each costed alone, and room by trying moment after moment. The
// oracle of decide().
import { handoffCost, localCost } from '#router/placement/cost.ts';
import type { PlaceInput } from '#router/placement/decide.ts';
import type { RoomView } from '#router/placement/room.ts';

export interface NaiveCandidate {
  kind: 'local' | 'disaggregated';
  prefill: string | null;
  decode: string;
  roomMs: number;
  totalMs: number;
}

/** The first moment at which enough has ended; what is late needs as long again as it is late. */
export function naiveRoomInMs(engine: RoomView, now: number, tokens: number, sequences: number): number {
  const endsIn = engine.promised.map(({ endsAt }) => Math.abs(endsAt - now));
  // What is free before anything ends comes first.
  for (const ms of [-1, ...endsIn.filter(Number.isFinite)].sort((a, b) => a - b)) {
    const ended = engine.promised.filter((_, i) => (endsIn[i] ?? Infinity) <= ms);
    const freeTokens = ended.reduce((sum, one) => sum + one.tokens, engine.freeTokens);
    const freeSequences = ended.reduce((sum, one) => sum + one.sequences, engine.freeSequences);
    if (Math.min(freeTokens, engine.kvTokens) >= tokens && freeSequences >= sequences) return Math.max(0, ms);
  }
  return Infinity;
}

export function allCandidates(input: PlaceInput): NaiveCandidate[] {
  const { engines, namespace, excluded, promptTokens } = input;
  const out: NaiveCandidate[] = [];
  const onlyLocal = input.localBecause !== null && !input.direct;
  const wantsLocal = onlyLocal || input.mode !== 'disaggregated';
  const wantsPairs = !onlyLocal && input.mode !== 'local';
  const pairs: NaiveCandidate[] = [];
  const locals: NaiveCandidate[] = [];
  for (const d of engines) {
    if (!d.healthy || d.role === 'prefill' || excluded.decode.has(d.name)) continue;
    if (d.freeTokens + input.roomAhead * d.kvTokens < input.roomTokens) continue;
    const roomIn = naiveRoomInMs(d, input.now, input.roomTokens, input.roomSequences);
    if (roomIn === Infinity || (d.dialect === 'vllm-nixl' && roomIn > input.pullWithinMs)) continue;
    const cached = input.cachedOn(d.holder);
    const local = localCost(d, promptTokens - cached, roomIn);
    locals.push({
      kind: 'local',
      prefill: null,
      decode: d.name,
      roomMs: local.roomMs,
      totalMs: local.totalMs,
    });
    for (const p of engines) {
      if (
        p === d ||
        !p.healthy ||
        p.role === 'decode' ||
        excluded.prefill.has(p.name) ||
        excluded.target.has(d.name)
      )
        continue;
      if (p.dialect !== d.dialect || p.dialect === 'local') continue;
      if (p.dialect === 'vllm-nixl' && !input.direct) continue;
      if (p.dialect === 'baton') {
        if (namespace === null || input.localBecause !== null || p.node === null || d.node === null) continue;
        if (p.namespace !== namespace || d.namespace !== namespace) continue;
      }
      const { roomMs, totalMs } = handoffCost(
        p, d, promptTokens - input.cachedOn(p.holder), promptTokens - input.cachedOn(d.holder), input.transferTo(d.node), input.handoffMs, roomIn,
      ); // prettier-ignore
      pairs.push({ kind: 'disaggregated', prefill: p.name, decode: d.name, roomMs, totalMs });
    }
  }
  if (wantsPairs) out.push(...pairs);
  if (wantsLocal || (input.fallback && out.length === 0)) out.push(...locals);
  return out;
}

// place by brute force: every local and every pair that may be, each costed alone. The oracle of decide().
import { handoffCost, localCost } from '#router/placement/cost.ts';
import type { PlaceInput } from '#router/placement/decide.ts';
import { naiveRoomAtOnce, naiveRoomInMs } from './naive-room.ts';

export interface NaiveCandidate {
  kind: 'local' | 'disaggregated';
  prefill: string | null;
  decode: string;
  roomMs: number;
  firstTokenMs: number;
  totalMs: number;
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
    if (d.freeTokens + input.roomAhead * d.kvTokens < input.room.tokens) continue;
    const bound = (inMs: number): number =>
      inMs > input.roomWithinMs || (d.dialect === 'vllm-nixl' && inMs > input.pullWithinMs) ? Infinity : inMs;
    const answerMs = input.answerTokens * d.decodeMsPerToken;
    const local = localCost(d, promptTokens - input.cachedOn(d.holder), answerMs, (holdsMs) => {
      const { inMs, delaysMs } = naiveRoomAtOnce(d, input.now, input.room, holdsMs);
      return { inMs: bound(inMs), delaysMs };
    });
    locals.push({ ...local, kind: 'local', prefill: null, decode: d.name });
    const roomIn = bound(naiveRoomInMs(d, input.now, input.room));
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
      const cost = handoffCost(
        p, d, promptTokens - input.cachedOn(p.holder), promptTokens - input.cachedOn(d.holder), input.transferTo(d.node), input.handoffMs,
        answerMs, roomIn,
      ); // prettier-ignore
      pairs.push({ ...cost, kind: 'disaggregated', prefill: p.name, decode: d.name });
    }
  }
  const foreseen = (list: NaiveCandidate[]): NaiveCandidate[] =>
    list.filter(({ totalMs }) => totalMs < Infinity);
  if (wantsPairs) out.push(...foreseen(pairs));
  if (wantsLocal || (input.fallback && out.length === 0)) out.push(...foreseen(locals));
  return out;
}

// place by brute force: every local and every pair that may be, each costed alone. The oracle of decide().
import { handoffCost, localCost } from '#router/placement/cost.ts';
import type { PlaceInput } from '#router/placement/decide.ts';

export interface NaiveCandidate {
  kind: 'local' | 'disaggregated';
  prefill: string | null;
  decode: string;
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
    if (!d.healthy || d.role === 'prefill' || excluded.decode.has(d.name) || d.freeTokens < input.roomTokens)
      continue;
    const cached = input.cachedOn(d.holder);
    locals.push({
      kind: 'local',
      prefill: null,
      decode: d.name,
      totalMs: localCost(d, promptTokens - cached).totalMs,
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
      const { totalMs } = handoffCost(
        p, d, promptTokens - input.cachedOn(p.holder), promptTokens - input.cachedOn(d.holder), input.transferTo(d.node), input.handoffMs,
      ); // prettier-ignore
      pairs.push({ kind: 'disaggregated', prefill: p.name, decode: d.name, totalMs });
    }
  }
  if (wantsPairs) out.push(...pairs);
  if (wantsLocal || (input.fallback && out.length === 0)) out.push(...locals);
  return out;
}

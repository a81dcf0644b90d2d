// What must agree among engines of one model that hand KV over.
import type { EngineEntry } from '#core/settings.ts';
import { finding, type Finding } from './codes.ts';
import type { EngineFacts, Facts } from './facts.ts';

export function checkPools(facts: Facts): Finding[] {
  const models = [...new Set(facts.engines.map(({ entry }) => entry.model))];
  return models.flatMap((model) => {
    const engines = facts.engines.filter(({ entry }) => entry.model === model);
    const answering = engines.filter(({ health }) => health !== null);
    return [
      ...checkPairs(facts, model, engines.map(({ entry }) => entry)),
      ...checkBaton(model, answering.filter(({ entry }) => entry.dialect === 'baton' && entry.node !== null)),
      ...checkNixl(model, answering.filter(({ entry }) => entry.dialect === 'vllm-nixl')),
    ];
  });
} // prettier-ignore

function checkPairs({ settings }: Facts, model: string, entries: readonly EngineEntry[]): Finding[] {
  const { mode } = settings.placement;
  const decodes = entries.filter(({ role }) => role !== 'prefill');
  const isPair = (p: EngineEntry, d: EngineEntry): boolean =>
    p !== d &&
    p.role !== 'decode' &&
    p.dialect === d.dialect &&
    (p.dialect === 'vllm-nixl' || (p.dialect === 'baton' && p.node !== null && d.node !== null));
  const paired = decodes.some((d) => entries.some((p) => isPair(p, d)));
  if (decodes.length === 0) return [finding('pair_missing', model, 'no engine decodes')];
  if (paired || mode === 'local') return [];
  if (mode === 'disaggregated')
    return [finding('pair_missing', model, 'placement is disaggregated and there is no pair')];
  const idle = entries.filter(({ role }) => role === 'prefill').map(({ name }) => name);
  if (idle.length === 0) return [];
  return [finding('pair_missing', model, `${idle.join(', ')} will never be asked`, { level: 'warning' })];
}

function checkBaton(model: string, engines: readonly EngineFacts[]): Finding[] {
  const versions = differing(engines, ({ version }) => version);
  return versions === null ? [] : [finding('version_differs', model, versions, { level: 'warning' })];
}

function checkNixl(model: string, engines: readonly EngineFacts[]): Finding[] {
  if (engines.length === 0) return [];
  const where = `${model} (vllm-nixl)`;
  const found: Finding[] = [];
  const compare = (code: 'version_differs' | 'block_size_differs' | 'dtype_differs' | 'model_differs', of: Of): void => {
    const what = differing(engines, of);
    if (what !== null) found.push(finding(code, where, what));
  }; // prettier-ignore
  compare('version_differs', ({ version }) => version);
  compare('block_size_differs', ({ cache }) => cache?.blockTokens ?? null);
  compare('dtype_differs', ({ cache }) => cache?.dtype ?? null);
  compare('dtype_differs', ({ server }) => server?.dtype ?? null);
  compare('model_differs', ({ entry, models }) => models?.find(({ id }) => id === entry.model)?.root ?? null);
  const untold = engines.filter((engine) => !tellsDtype(engine)).map(({ entry }) => entry.name);
  if (untold.length > 0) found.push(finding('dtype_unknown', where, `not told by ${untold.join(', ')}`));
  if (engines.length > 1 && found.every(({ level }) => level === 'unknown'))
    found.push(finding('pair_fits', where, `${engines.length} engines agree in what they tell`));
  return [...found, ...engines.flatMap(checkConnector)];
}

const tellsDtype = ({ cache, server }: EngineFacts): boolean =>
  server?.dtype != null || (cache?.dtype ?? 'auto') !== 'auto';

function checkConnector({ entry, server }: EngineFacts): Finding[] {
  const found: Finding[] = [];
  if (server !== null && !(server.connector ?? '').includes('Nixl') && server.connector !== 'MultiConnector')
    found.push(finding('connector_wrong', entry.name, `its connector is ${server.connector ?? 'none'}`));
  if (entry.role === 'prefill') return found;
  if (server === null)
    return [...found, finding('policy_unknown', entry.name, '/server_info is not answered')];
  if (server.policy === 'recompute')
    return [...found, finding('policy_recompute', entry.name, 'a failed pull is computed again')];
  return [...found, finding('policy_not_recompute', entry.name, `it is ${server.policy ?? 'not set'}`)];
}

type Of = (engine: EngineFacts) => string | number | null;

/** `16 on p1, p2; 32 on d1`; null: those that tell agree. */
function differing(engines: readonly EngineFacts[], of: Of): string | null {
  const names = new Map<string, string[]>();
  for (const engine of engines) {
    const value = of(engine);
    if (value !== null) names.set(String(value), [...(names.get(String(value)) ?? []), engine.entry.name]);
  }
  if (names.size < 2) return null;
  return [...names].map(([value, on]) => `${value} on ${on.join(', ')}`).join('; ');
}

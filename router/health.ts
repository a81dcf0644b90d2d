// Readiness: whether a complete pair can serve. Liveness is the process's alone.
import type { Model } from './models.ts';
import type { PlacementMode } from './placement/decide.ts';

export interface Readiness {
  ready: boolean;
  /** What is missing, for people. */
  reason: string;
}

/** Ready when some model can be served the way the configuration asks for. */
export function readiness(models: Iterable<Model>, mode: PlacementMode, draining: boolean): Readiness {
  if (draining) return { ready: false, reason: 'draining' };
  let reason = 'no engine is configured';
  for (const model of models) {
    const decoders = model.engines.filter((engine) => engine.healthy && engine.role !== 'prefill');
    if (decoders.length === 0) reason = `${model.name}: no healthy decode engine`;
    else if (
      decoders.some((engine) => mode === 'local' || (engine.node === null && mode !== 'disaggregated'))
    )
      return READY;
    else if (decoders.some((engine) => model.hasPrefillFor(engine))) return READY;
    else
      reason = `${model.name}: no healthy prefill and decode engine attached with the same namespace at connected services`;
  }
  return { ready: false, reason };
}

const READY: Readiness = { ready: true, reason: 'ok' };

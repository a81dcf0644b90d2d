// What an engine alone tells: whether it answers, and as what.
import { MODEL_LEN_DEFAULT } from '../models.ts';
import { finding, type Finding } from './codes.ts';
import type { EngineFacts, Facts } from './facts.ts';

export function checkEngines({ engines, settings }: Facts): Finding[] {
  return engines.flatMap((engine) => {
    const limit = settings.models.find(({ name }) => name === engine.entry.model)?.max_model_len;
    return checkEngine(engine, limit ?? MODEL_LEN_DEFAULT);
  });
}

function checkEngine(engine: EngineFacts, modelLenMax: number): Finding[] {
  const { entry, health, models, probe } = engine;
  const { name } = entry;
  if (health === null)
    return [finding('engine_unreachable', name, `${new URL(entry.url).host} does not answer /health`)];
  const found: Finding[] = [];
  if (health < 200 || health > 299)
    found.push(finding('engine_unhealthy', name, `/health answers ${health}`));
  const card = models?.find(({ id }) => id === entry.model);
  if (models === null) found.push(finding('engine_not_openai', name, '/v1/models answers no list of models'));
  else if (card === undefined) found.push(finding('model_differs', name, servesOther(engine)));
  else if (card.maxModelLen !== null && card.maxModelLen < modelLenMax) {
    const what = `takes ${card.maxModelLen} tokens, the router lets ${modelLenMax} through`;
    const mend = `Set max_model_len: ${card.maxModelLen} for ${entry.model} in router.models.`;
    found.push(finding('max_model_len_differs', name, what, { mend }));
  }
  if (probe !== null && probe.status !== 200) {
    const what = probe.status === null ? 'no answer to the probe in time' : `the probe got a ${probe.status}`;
    found.push(finding('probe_failed', name, what));
  }
  if (found.every(({ level }) => level === 'warning'))
    found.push(finding('engine_answers', name, told(engine)));
  return found;
}

function servesOther({ entry, models }: EngineFacts): string {
  const served = models?.slice(0, 4).map(({ id }) => id) ?? [];
  return `serves ${served.length === 0 ? 'nothing' : served.join(', ')}, the file says ${entry.model}`;
}

function told({ entry, version, cache }: EngineFacts): string {
  const parts = [`${entry.role} engine of ${entry.model}`, version === null ? '' : `version ${version}`];
  if (cache?.blockTokens != null) parts.push(`blocks of ${cache.blockTokens} tokens`);
  if (cache?.dtype != null) parts.push(`KV ${cache.dtype}`);
  return parts.filter(Boolean).join(', ');
}

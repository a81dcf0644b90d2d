// One small prompt to an engine, as the router would send it: what comes back tells of NIXL's side channel, and its KV events of
// names of blocks.
import type { EngineEntry } from '#core/settings.ts';
import { readBody, splice } from '../api/body.ts';
import { readParams } from '../api/params.ts';
import { local } from '../dialects/local.ts';
import { readEngineParams } from '../dialects/nixl-params.ts';
import { vllmNixl } from '../dialects/vllm-nixl.ts';
import { baseOf } from '../edge/base.ts';
import { collect } from '../edge/collect.ts';
import type { Upstream } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { at, parsed, reachTold, within } from './ask.ts';
import type { EngineFacts, ProbeFacts } from './facts.ts';

export interface Prompt {
  text: string;
  /** Hex: as cache salt it keeps the probe's blocks from every tenant's. */
  root: string;
}

export async function probeEngine(
  { entry, cache }: EngineFacts,
  prompt: Prompt,
  upstream: Upstream,
): Promise<ProbeFacts> {
  const asksNixl = entry.dialect === 'vllm-nixl' && entry.role !== 'decode';
  const { origin, path } = baseOf(entry.url);
  const { leg, answer } = collect(upstream, origin, {
    path: `${path}/v1/completions`,
    headers: { 'content-type': 'application/json' },
    body: bodyOf(entry.model, prompt, asksNixl),
  });
  const collected = await within(ROUTER_LIMITS.doctorProbeMs, answer, null);
  leg.abort();
  if (collected?.ok !== true) return { status: null, nixl: null };
  const { status, body } = collected.answer;
  if (!asksNixl || status !== 200) return { status, nixl: null };
  return { status, nixl: await nixlOf(body, entry, cache?.blockTokens ?? null) };
}

/** The first leg of a handoff, or a request of one token. */
function bodyOf(model: string, { text, root }: Prompt, asksNixl: boolean): string {
  const asked = { model, prompt: text, max_tokens: 1, temperature: 0 };
  const body = readBody(Buffer.from(JSON.stringify(asked)));
  const facts = {
    params: readParams(body.value),
    ids: null,
    root,
    named: false,
    ticket: null,
    engineParams: null,
  };
  return splice(body, (asksNixl ? vllmNixl.prefill(facts) : null) ?? local.decode(facts));
}

async function nixlOf(
  answer: Buffer,
  entry: EngineEntry,
  blockTokens: number | null,
): Promise<ProbeFacts['nixl']> {
  const params = readEngineParams(answer, { now: 0, host: entry.nixl.remote_host, blockTokens });
  if (typeof params === 'string') return params;
  const told = parsed(Buffer.from(params.json, 'latin1').toString('utf8'));
  const host = String(at(told, 'remote_host'));
  const port = Number(at(told, 'remote_port'));
  return { host, port, reach: await reachTold(entry.url, host, port) };
}

// What a running router tells at its admin listener.
import type { RouterSettings } from '#core/settings.ts';
import { sampleReader } from '#core/samples.ts';
import type { Upstream } from '../edge/contract.ts';
import type { RouterMetrics } from '../metrics.ts';
import { Pages } from './ask.ts';
import type { RouterFacts } from './facts.ts';

type Name = Parameters<RouterMetrics['value']>[0];
const READY: Name = 'baton_router_ready';
const OFF: Name = 'baton_router_rendering_off';
const MISMATCHES: Name = 'baton_router_key_mismatches_total';
const samplesOf = sampleReader([READY, OFF, MISMATCHES]);

export async function gatherRouter(
  { admin: { host, port } }: RouterSettings,
  upstream: Upstream,
): Promise<RouterFacts | null> {
  // What listens everywhere listens here.
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  if (port === 0) return null;
  const origin = `http://${near.includes(':') ? `[${near}]` : near}:${port}`;
  const text = URL.canParse(origin) ? await new Pages(upstream, origin).text('/metrics') : null;
  const samples = [...samplesOf(text ?? '')];
  if (!samples.some(({ name }) => name === READY)) return null;
  const of = (name: Name): [string, number][] =>
    samples
      .filter((one) => one.name === name)
      .map(({ labels, value }) => [labels.get('model') ?? '', Number(value)]);
  return {
    renderingOff: new Set(of(OFF).flatMap(([model, off]) => (off === 1 ? [model] : []))),
    mismatches: new Map(of(MISMATCHES)),
  };
}

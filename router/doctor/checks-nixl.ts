// Whether decode engines reach a prefill engine's NIXL side channel where it says.
import { finding, type Finding } from './codes.ts';
import type { EngineFacts, Facts, Reach } from './facts.ts';
import { hostOf, leadsToItself, sameMachine } from './hosts.ts';

export function checkNixl(facts: Facts): Finding[] {
  const engines = facts.engines.filter(({ entry }) => entry.dialect === 'vllm-nixl');
  const prefills = engines.filter(({ entry, health }) => entry.role !== 'decode' && health !== null);
  return prefills.flatMap((prefill) => {
    const decodes = engines.filter(
      (e) => e !== prefill && e.entry.role !== 'prefill' && e.entry.model === prefill.entry.model,
    );
    return checkPrefill(prefill, decodes);
  });
}

function checkPrefill(prefill: EngineFacts, decodes: readonly EngineFacts[]): Finding[] {
  const { entry, probe, server } = prefill;
  const params = probe?.nixl ?? null;
  if (typeof params === 'string')
    return [finding('nixl_params_bad', entry.name, `its kv_transfer_params are ${REFUSED[params]}`)];
  const host = params?.host ?? entry.nixl.remote_host ?? server?.nixlHost ?? null;
  const wrong = host === null ? null : wrongHost(host, params?.reach ?? 'untried', prefill, decodes);
  if (wrong !== null) return [finding('nixl_host_wrong', entry.name, wrong)];
  if (params === null)
    return probe === null ? [finding('nixl_unknown', entry.name, 'no prompt was sent')] : [];
  const where = `${params.host}:${params.port}`;
  if (params.reach === 'closed')
    return [finding('nixl_port_closed', entry.name, `${where} takes no connection`)];
  const what = params.reach === 'open' ? `${where} takes connections` : `at ${where}, of its own machine`;
  return [finding('nixl_reachable', entry.name, what)];
}

const REFUSED = {
  unreadable: 'unreadable',
  missing: 'missing',
  half_filled: 'half filled',
  no_blocks: 'without blocks',
  short: 'short of the prompt',
} as const;

function wrongHost(
  host: string,
  reach: Reach,
  { entry }: EngineFacts,
  decodes: readonly EngineFacts[],
): string | null {
  if (reach === 'unresolved') return `${host} is no host that this machine knows`;
  if (!leadsToItself(host)) return null;
  const own = hostOf(entry.url);
  const elsewhere = decodes.filter((decode) => !sameMachine(hostOf(decode.entry.url), own));
  if (elsewhere.length === 0) return null;
  return `it says ${host}, and ${elsewhere.map((decode) => decode.entry.name).join(', ')} are on other hosts`;
}

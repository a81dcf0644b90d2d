// What transfer services tell: who is attached with what, and where their lanes are.
import { hex } from '#core/ids.ts';
import { VERSION } from '#core/version.ts';
import type { AttachmentInfo } from '../link.ts';
import { finding, type Finding } from './codes.ts';
import type { Facts, ServiceFacts } from './facts.ts';
import { hostOf, leadsToItself, sameMachine } from './hosts.ts';

export function checkServices(facts: Facts): Finding[] {
  const up = facts.services.filter(({ info }) => info !== null).map(({ node }) => node);
  const found = facts.services.flatMap((service) =>
    service.info === null ? [refused(service)] : checkService(service, service.info.version, facts),
  );
  if (up.length > 1) found.push(finding('transport_tcp', 'services', `lanes between ${up.join(', ')}`));
  return [...found, ...checkNames(facts)];
}

function refused({ node, address, refusal }: ServiceFacts): Finding {
  const why = /hello_refused\W+(\w+)/.exec(refusal ?? '')?.[1] ?? null;
  switch (why) {
    case 'wrong_key':
      return finding('service_key_refused', node, `${address} has another cluster key`);
    case 'not_keyed':
      return finding(
        'service_key_refused',
        node,
        `only one of ${address} and this command has a cluster key`,
      );
    case 'not_loopback':
      return finding('service_key_refused', node, `${address} is not loopback and there is no cluster key`);
    case 'wrong_node':
      return finding('service_wrong_node', node, `${address} is the service of another node`);
    case 'protocol':
      return finding('service_protocol_differs', node, `${address} speaks another protocol version`);
    default:
      return finding('service_unreachable', node, `${address}: ${plain(refusal ?? 'no answer in time')}`);
  }
}

/** Without the gRPC library's remarks on itself. */
const plain = (reason: string): string => reason.replace(/\.? Resolution note:.*/s, '');

function checkService(service: ServiceFacts, version: string, facts: Facts): Finding[] {
  const { node, attachments, draining } = service;
  const found: Finding[] = [];
  if (version !== VERSION)
    found.push(finding('service_version_differs', node, `${version || 'an older one'}, here ${VERSION}`));
  if (draining) found.push(finding('service_draining', node, 'it drains'));
  const listed = facts.settings.engines.filter((entry) => entry.node === node).map(({ name }) => name);
  const attached = attachments.map(({ engine }) => engine);
  for (const name of listed.filter((one) => !attached.includes(one)))
    found.push(finding('engine_not_attached', name, `not attached to the service of node ${node}`));
  for (const name of attached.filter((one) => !listed.includes(one)))
    found.push(finding('engine_not_listed', node, `${name} is attached`));
  found.push(...checkLane(service, facts.services));
  const gib = ((service.info?.arenaBytes ?? 0) / 2 ** 30).toFixed(2);
  found.push(finding('service_answers', node, `version ${version || 'untold'}, arena ${gib} GiB, ${attached.length} attached`));
  return found;
} // prettier-ignore

function checkLane(
  { node, address, info, lane }: ServiceFacts,
  services: readonly ServiceFacts[],
): Finding[] {
  if (info === null) return [];
  const { laneHost, lanePort } = info;
  const own = hostOf(address);
  const elsewhere = services.some((other) => other.node !== node && !sameMachine(hostOf(other.address), own));
  if (lane === 'unresolved' || (elsewhere && leadsToItself(laneHost)))
    return [finding('lane_host_wrong', node, `it tells the others ${laneHost}`)];
  return lane === 'closed' ? [finding('lane_port_closed', node, `${laneHost}:${lanePort}`)] : [];
}

interface Attached extends AttachmentInfo {
  model: string;
}

/** Engines of one model, wherever they are attached. */
function checkNames({ settings, services }: Facts): Finding[] {
  const attached = services.flatMap(({ node, attachments }) =>
    attachments.flatMap((one): Attached[] => {
      const entry = settings.engines.find(({ name, node: of }) => name === one.engine && of === node);
      return entry === undefined ? [] : [{ ...one, model: entry.model }];
    }),
  );
  return [...new Set(attached.map(({ model }) => model))].flatMap((model) => {
    const pool = attached.filter((one) => one.model === model);
    const geometries = byValue(pool, shape);
    if (geometries !== null) return [finding('geometry_differs', model, geometries)];
    const namespaces = byValue(pool, ({ namespace }) => hex(namespace).slice(0, 8));
    if (namespaces !== null) return [finding('namespace_differs', model, namespaces)];
    const first = pool[0];
    return pool.length < 2 || first === undefined ? [] : [finding('pair_fits', model, `${pool.length} engines attached: ${shape(first)}`)];
  });
} // prettier-ignore

function shape({ geometry }: Attached): string {
  const { layers, heads, planeBytes, chunkTokens } = geometry;
  return `${layers} layers, ${heads} heads, ${planeBytes.join('+')} bytes, chunks of ${chunkTokens}`;
}

function byValue(pool: readonly Attached[], of: (one: Attached) => string): string | null {
  const values = Map.groupBy(pool, of);
  if (values.size < 2) return null;
  return [...values].map(([value, on]) => `${value} on ${on.map((one) => one.engine).join(', ')}`).join('; ');
}

// A request's journey while it runs, from the router's admin listener.
import { until } from './ready.ts';

/** Whoever has the admin listener of a router. */
type Routed = Readonly<{ adminUrl: string }>;

export interface Journey {
  code: string | null;
  first_token_ms: number | null;
  stages: { stage: string; attempt: number; end_ms: number | null }[];
  attempts: { kind: string | null; prefill: string | null; decode: string | null; error: string | null }[];
  ticket: { id: string; state: string; chunks_landed: number; chunks_needed: number } | null;
}

export async function journeyOf(cluster: Routed, id: string): Promise<Journey | null> {
  const response = await fetch(`${cluster.adminUrl}/debug/requests/${id}`);
  return response.ok ? ((await response.json()) as Journey) : null;
}

/** Waits until the running request has got as far as `there` says, and returns its journey. */
export async function untilJourney(
  cluster: Routed,
  id: string,
  what: string,
  there: (journey: Journey) => boolean,
): Promise<Journey> {
  const seen: Journey[] = [];
  await until(`request ${id}: ${what}`, async () => {
    const journey = await journeyOf(cluster, id);
    if (journey !== null) seen.splice(0, 1, journey);
    return journey !== null && there(journey);
  });
  const [journey] = seen;
  if (journey === undefined) throw new Error('no journey');
  return journey;
}

/** The stage a running request is in. */
export const stageOf = (journey: Journey): string => journey.stages.at(-1)?.stage ?? '';

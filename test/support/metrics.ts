// Reading Prometheus text of running processes.
import { exposition, metricIn } from '#cli/metrics.ts';

/** Sum of a metric's samples (all labels, or those with `labels` in their text) at one /metrics. */
export async function metricAt(baseUrl: string, name: string, labels = ''): Promise<number> {
  return metricIn(await exposition(baseUrl), name, labels);
}

/** The same over the admin listeners of several members. */
export async function metricSum(
  members: readonly { adminUrl: string | null }[],
  name: string,
  labels = '',
): Promise<number> {
  const values = await Promise.all(members.map(({ adminUrl }) => metricAt(adminUrl ?? '', name, labels)));
  return values.reduce((sum, value) => sum + value, 0);
}

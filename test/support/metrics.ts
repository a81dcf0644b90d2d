// Reading Prometheus text of running processes.

/** Sum of a metric's samples (all labels, or those with `labels` in their text) at one /metrics. */
export async function metricAt(baseUrl: string, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  let sum = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const match = /^([\w:]+)(\{[^}]*\})? (\S+)$/.exec(line);
    if (match?.[1] === name && (match[2] ?? '').includes(labels)) sum += Number(match[3]);
  }
  return sum;
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

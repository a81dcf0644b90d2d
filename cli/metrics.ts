// Reading Prometheus text of running processes.
import { sampleReader } from '#core/samples.ts';

/** Sum of a metric's samples (all, or those with `labels` in their `name="value",…`) in one exposition. */
export function metricIn(exposition: string, name: string, labels = ''): number {
  let sum = 0;
  for (const sample of sampleReader([name])(exposition)) {
    const text = [...sample.labels].map(([label, value]) => `${label}="${value}"`).join(',');
    if (text.includes(labels)) sum += Number(sample.value);
  }
  return sum;
}

/** What one /metrics says. */
export async function exposition(baseUrl: string): Promise<string> {
  return (await fetch(`${baseUrl}/metrics`)).text();
}

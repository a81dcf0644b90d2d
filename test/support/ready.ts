// Waiting for conditions of real processes, bounded.
import { setTimeout as pause } from 'node:timers/promises';

/** Polls until `condition` holds; throws with `what` after `ms`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 20_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await pause(10);
  }
}

/** Until the router says that a complete pair can serve. */
export function untilReady(routerUrl: string, ms = 20_000): Promise<void> {
  return until('the router is ready', async () => (await fetch(`${routerUrl}/health/ready`)).ok, ms);
}

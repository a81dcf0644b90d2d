// Waiting for a router that can serve: its engines answer, its services are connected, a complete pair is there.
import { setTimeout as sleep } from 'node:timers/promises';
import { BatonError } from '#core/errors.ts';

const READY_MS = 120_000;

/** Returns when /health/ready says so; `start_failed` after `ms`. */
export async function untilReady(routerUrl: string, ms = READY_MS, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await fetch(`${routerUrl}/health/ready`)).ok) {
    signal?.throwIfAborted();
    if (performance.now() > deadline)
      throw new BatonError('start_failed', `the pair was not ready within ${ms} ms`);
    await sleep(20);
  }
}

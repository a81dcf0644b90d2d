// All findings from all facts: nothing here asks anybody.
import { checkEngines } from './checks-engines.ts';
import { checkEvents } from './checks-events.ts';
import { checkNixl } from './checks-nixl.ts';
import { checkPools } from './checks-pools.ts';
import { checkRouter } from './checks-router.ts';
import { checkServices } from './checks-services.ts';
import type { Finding } from './codes.ts';
import type { Facts } from './facts.ts';

export function judge(facts: Facts): Finding[] {
  return [checkRouter, checkServices, checkEngines, checkPools, checkNixl, checkEvents].flatMap((check) =>
    check(facts),
  );
}

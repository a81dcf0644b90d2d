// The fuzz targets on this side of the C ABI, by name.
import type { FuzzTarget } from './target.ts';
import { body } from './targets/body.ts';
import { config } from './targets/config.ts';
import { kvEvents } from './targets/kv-events.ts';
import { nixlParams } from './targets/nixl-params.ts';
import { sse } from './targets/sse.ts';

export const TARGETS: readonly FuzzTarget[] = [body, nixlParams, sse, kvEvents, config];

// What the router's admin listener tells of a request: /debug/requests/ID.
import { setTimeout as sleep } from 'node:timers/promises';
import { BatonError } from '#core/errors.ts';
import type { LayerTimes } from './timeline.ts';

export interface Journey {
  promptTokens: number;
  cachedTokens: number;
  firstTokenMs: number | null;
  prefill: string | null;
  decode: string;
  /** Codes of the attempts before the last. */
  failures: string[];
  bytes: number;
  chunksNeeded: number;
  transferMs: number | null;
  exposedMs: number | null;
  layers: LayerTimes[];
  /** Milliseconds from the prefill leg's sending to its end, and from the decode leg's sending to the request's end. */
  legs: { prefillMs: number | null; decodeMs: number | null };
}

interface Raw {
  prompt_tokens: number;
  cached_tokens: number;
  first_token_ms: number | null;
  total_ms: number | null;
  stages: { stage: string; start_ms: number; end_ms: number | null }[];
  attempts: { prefill: string | null; decode: string | null; error: string | null }[];
  ticket: {
    reported: boolean;
    bytes_in: number;
    chunks_needed: number;
    transfer_ms: number | null;
    exposed_ms: number | null;
    layers: Record<
      'computed_first_ms' | 'computed_ms' | 'out_ms' | 'landed_ms' | 'scattered_ms',
      number | null
    >[];
  } | null;
}

const REPORT_MS = 60_000;

/** Waits for the ticket's last report (it follows the answer) and returns the journey. */
export async function journeyOf(adminUrl: string, id: string): Promise<Journey> {
  const deadline = performance.now() + REPORT_MS;
  for (;;) {
    const response = await fetch(`${adminUrl}/debug/requests/${id}`);
    const raw = response.ok ? ((await response.json()) as Raw) : null;
    if (raw?.total_ms != null && raw.ticket?.reported !== false) return view(raw);
    if (performance.now() > deadline) {
      throw new BatonError('transfer_failed', `request ${id} has no final report after ${REPORT_MS} ms`);
    }
    await sleep(10);
  }
}

function view(raw: Raw): Journey {
  const attempt = raw.attempts.at(-1);
  return {
    promptTokens: raw.prompt_tokens,
    cachedTokens: raw.cached_tokens,
    firstTokenMs: raw.first_token_ms,
    prefill: attempt?.prefill ?? null,
    decode: attempt?.decode ?? '?',
    failures: raw.attempts.flatMap(({ error }) => error ?? []),
    bytes: raw.ticket?.bytes_in ?? 0,
    chunksNeeded: raw.ticket?.chunks_needed ?? 0,
    transferMs: raw.ticket?.transfer_ms ?? null,
    exposedMs: raw.ticket?.exposed_ms ?? null,
    layers: (raw.ticket?.layers ?? []).map((layer) => ({
      computedFirst: layer.computed_first_ms,
      computed: layer.computed_ms,
      out: layer.out_ms,
      landed: layer.landed_ms,
      scattered: layer.scattered_ms,
    })),
    legs: { prefillMs: between(raw, 'prefill', 'handoff'), decodeMs: between(raw, 'decode', 'decode') },
  };
}

/** From the begin of one stage to the end of another, in the last attempt that had both. */
function between(raw: Raw, first: string, last: string): number | null {
  const start = raw.stages.findLast(({ stage }) => stage === first)?.start_ms;
  const end = raw.stages.findLast(({ stage }) => stage === last)?.end_ms;
  return start === undefined || end == null ? null : end - start;
}

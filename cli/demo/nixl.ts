// What is known of a handoff between vLLM's own NixlConnectors: the router's view of its two legs, and the decode engine's counters.
import { exposition, metricIn } from '../metrics.ts';
import type { Answer } from './ask.ts';
import type { Told } from './converse.ts';
import type { Journey } from './journey.ts';
import { ms, placed, size } from './table.ts';

/** Values of baton_router_nixl_params_total's label. */
const OUTCOMES = ['passed', 'unreadable', 'missing', 'half_filled', 'no_blocks', 'short', 'late'] as const;

interface Counted {
  bytes: number;
  transfers: number;
  seconds: number;
  failed: number;
  outcomes: Record<string, number>;
}

export class NixlCounters {
  readonly #adminUrl: string;
  readonly #decodeUrl: string;
  readonly #first: Counted;
  #last: Counted;

  /** Counts from here on. */
  static async of(adminUrl: string, decodeUrl: string): Promise<NixlCounters> {
    return new NixlCounters(adminUrl, decodeUrl, await read(adminUrl, decodeUrl));
  }

  private constructor(adminUrl: string, decodeUrl: string, now: Counted) {
    this.#adminUrl = adminUrl;
    this.#decodeUrl = decodeUrl;
    this.#first = now;
    this.#last = now;
  }

  /** Of the request that has just ended: one at a time. */
  async tell(journey: Journey, answer: Answer): Promise<Told> {
    const now = await read(this.#adminUrl, this.#decodeUrl);
    const { bytes, transfers, seconds, failed, outcomes } = difference(now, this.#last);
    this.#last = now;
    const outcome = Object.keys(outcomes).find((name) => (outcomes[name] ?? 0) > 0);
    return {
      bytes,
      lines: [],
      cells: [
        ...placed(journey, answer),
        ['prefill leg', ms(journey.legs.prefillMs)],
        ['params', outcome ?? '-'],
        ['over NIXL', size(bytes)],
        ['transfers', failed > 0 ? `${transfers}, ${failed} failed` : `${transfers}`],
        ['transfer', ms(seconds * 1000)],
        ['decode leg', ms(journey.legs.decodeMs)],
        ['first token', ms(journey.firstTokenMs)],
      ],
    };
  }

  /** What --check says of all requests told. */
  total(): object {
    const { bytes, transfers, failed, outcomes } = difference(this.#last, this.#first);
    return { bytes_over_nixl: bytes, transfers, failed, params_passed: outcomes['passed'] ?? 0 };
  }
}

async function read(adminUrl: string, decodeUrl: string): Promise<Counted> {
  const [router, decode] = await Promise.all([exposition(adminUrl), exposition(decodeUrl)]);
  const outcome = (name: string): number =>
    metricIn(router, 'baton_router_nixl_params_total', `outcome="${name}"`);
  return {
    bytes: metricIn(decode, 'vllm:nixl_bytes_transferred_sum'),
    transfers: metricIn(decode, 'vllm:nixl_bytes_transferred_count'),
    seconds: metricIn(decode, 'vllm:nixl_xfer_time_seconds_sum'),
    failed: metricIn(decode, 'vllm:nixl_num_failed_transfers_total'),
    outcomes: Object.fromEntries(OUTCOMES.map((name) => [name, outcome(name)])),
  };
}

function difference(now: Counted, before: Counted): Counted {
  return {
    bytes: now.bytes - before.bytes,
    transfers: now.transfers - before.transfers,
    seconds: now.seconds - before.seconds,
    failed: now.failed - before.failed,
    outcomes: Object.fromEntries(
      OUTCOMES.map((name) => [name, (now.outcomes[name] ?? 0) - (before.outcomes[name] ?? 0)]),
    ),
  };
}

// Requests under fire, each judged: it ends in bounded time, and well, or in one of the ways in which it may end badly.
import type { Random } from '#core/random.ts';
import { rightAnswer, TENANT } from '../support/deployment.ts';
import { arrive, type Asking } from '../support/open-loop.ts';
import { outcomeOf, type Outcome } from '../support/outcome.ts';
import { CAPACITY_PER_S, REQUEST_MS, SHAPE, type Arena } from './deployment.ts';
import type { Inflictor } from './inflict.ts';

const TIMES = 1.2;
/** What a request may take beyond its own bound and the time in which the router was away: timers' paces, a busy machine. */
const SLACK_MS = 10_000;
const HUNG_MS = 90_000;
const STREAMED = 0.7;
const TRIES = 3;

export class Load {
  readonly #arena: Arena;
  readonly #inflictor: Inflictor;
  readonly #violation: (text: string) => void;
  readonly outcomes = new Map<string, number>();
  /** How long requests took that the router ended, ms. */
  readonly took: number[] = [];
  asked = 0;
  unended = 0;
  wrong = 0;

  constructor(arena: Arena, inflictor: Inflictor, violation: (text: string) => void) {
    this.#arena = arena;
    this.#inflictor = inflictor;
    this.#violation = violation;
  }

  /** Resolves when the last request has ended. */
  run(random: Random, seconds: number): Promise<void> {
    const perSecond = CAPACITY_PER_S * TIMES;
    return arrive({ perSecond, seconds, shape: SHAPE, random, name: 'chaos' }, (asking) =>
      this.ask(asking, random.unit() < STREAMED),
    );
  }

  async ask({ id, tokens, answerTokens }: Asking, stream: boolean): Promise<void> {
    const { cluster } = this.#arena;
    const right = await this.#right(tokens, answerTokens);
    this.asked++;
    const from = performance.now();
    const signal = AbortSignal.timeout(HUNG_MS);
    let outcome: Outcome;
    try {
      outcome = await outcomeOf({ url: cluster.routerUrl, key: TENANT.key, id, tokens, right, stream, signal });
    } catch (error) {
      this.wrong++;
      this.#violation(error instanceof Error ? error.message : `${id}: broke the judge`);
      return;
    } // prettier-ignore
    const to = performance.now();
    const { kind, code } = outcome;
    const away = this.#inflictor.routerAwayMs(from, to);
    if (signal.aborted || to - from - away > REQUEST_MS + SLACK_MS) {
      this.unended++;
      this.#violation(`${id}: ${Math.round(to - from)} ms until ${kind} ${code}`);
    }
    // Only the death of the router itself is told to nobody.
    if (kind === 'cut' && away === 0 && !signal.aborted)
      this.#violation(`${id}: cut (${code}) though the router was there`);
    const name = kind === 'right' || kind === 'cut' ? kind : `${kind} ${code}`;
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + 1);
    if (kind !== 'cut') this.took.push(to - from);
  }

  /** From the engine that nothing is done to; an idle connection may end as it is used. */
  async #right(tokens: Uint32Array, answerTokens: number): Promise<number[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await rightAnswer(this.#arena.cluster, tokens, answerTokens);
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }
}

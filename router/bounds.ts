// How long a request may stay in each of its states (states.ts), as data. Each bound counts from the entry into the state, or from
// the last sign of progress, and none reaches beyond the request's own deadline: what is left of that is every state's last bound.
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { RequestContext } from './request.ts';
import { streamBefore } from './stages/pull.ts';
import type { State } from './states.ts';
import type { World } from './world.ts';

export interface Bound {
  waitsFor: string;
  /** The bound in words, with its setting or limit. */
  bound: string;
  /** What happens when it has passed. */
  then: string;
  /** The same in milliseconds from now; Infinity: the deadline alone. */
  ms(ctx: RequestContext, world: World, now: number): number;
}

const deadline = (): number => Infinity;
const GIVEN_UP = 'the attempt is given up and placed again';
const atOnce = (what: string): Bound => ({ waitsFor: what, bound: 'none: does not wait', then: '–', ms: deadline }); // prettier-ignore

export const BOUNDS: Readonly<Record<State, Bound>> = {
  arrived: atOnce('nothing'),
  admit: {
    waitsFor: 'the request’s body',
    bound: '`LIMITS.bodyMs` (its headers before: `LIMITS.headersMs`)',
    then: 'it ends: `request_timeout`',
    ms: () => LIMITS.bodyMs,
  },
  render: {
    waitsFor: 'the tokenizer, or an engine’s `/tokenize`',
    bound:
      '`ROUTER_LIMITS.tokenizeMs` for an engine, which leaves the prompt unnamed; `ROUTER_LIMITS.renderMs` for all',
    then: 'it ends: `deadline_exceeded`',
    ms: () => ROUTER_LIMITS.renderMs,
  },
  match: atOnce('nothing'),
  place: atOnce('nothing: what cannot be placed now is refused'),
  reserve: {
    waitsFor: 'the target’s answer to Open, then the source’s to Expect',
    bound: '`LIMITS.grantMs` each, kept by the control stream',
    then: GIVEN_UP,
    // Only if the stream broke its word.
    ms: () => 2 * LIMITS.grantMs + ROUTER_LIMITS.graceMs,
  },
  prefill: atOnce('nothing: its leg is only sent'),
  handoff: {
    waitsFor: 'the landing of the KV (baton), or the prefill leg’s answer (vllm-nixl)',
    bound:
      '`router.timeouts.handoff_idle_ms` from each progress (baton); `router.timeouts.first_token_ms` (vllm-nixl)',
    then: GIVEN_UP,
    ms: ({ attempt }, { settings: { timeouts } }) =>
      attempt?.dialect.awaitsAnswer === true ? timeouts.first_token_ms : timeouts.handoff_idle_ms,
  },
  decode: {
    waitsFor: 'the first event of the decode leg, or its whole answer',
    bound:
      '`router.timeouts.first_token_ms`, and for a stream the lease of what it was pulled from (vllm-nixl); a whole answer of an engine that is up has half of what was left of the request’s time, so that it can still be placed again',
    then: GIVEN_UP,
    ms: (ctx, world, now) => {
      const first = world.settings.timeouts.first_token_ms;
      return ctx.attempt === null ? first : Math.min(first, streamBefore(ctx, world, ctx.attempt) - now);
    },
  },
  stream: {
    waitsFor: 'more of the answer',
    bound:
      '`router.timeouts.stream_idle_ms` without a byte, looked at in that pace: at the latest twice of it',
    then: 'it ends: `decode_interrupted`',
    ms: (_, { settings }) => settings.timeouts.stream_idle_ms,
  },
  stalled: {
    waitsFor: 'the client, whose buffer is full',
    bound: '`router.timeouts.client_stall_ms`',
    then: 'the client is cut: `client_closed`',
    ms: (_, { settings }) => settings.timeouts.client_stall_ms,
  },
  settle: atOnce('nothing: services are told, not asked'),
  ended: {
    waitsFor: 'the client to take the end of its answer, services to report on the ticket',
    bound: '`ROUTER_LIMITS.clientFlushMs`; `ROUTER_LIMITS.reportWaitMs`',
    then: 'the connection is cut; the ticket counts as `unreported`',
    ms: deadline,
  },
};

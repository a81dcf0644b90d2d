// One request: what became of it, its stages, where its chunks came from, and the timeline of its handoff.
import { getJson } from './api.js';
import { chunksOf } from './chunks.js';
import { $, h } from './dom.js';
import { bytes, count, ms, percent } from './format.js';
import { placementOf } from './placement.js';
import { poll } from './poll.js';
import { stagesOf } from './stages.js';
import { timelineOf } from './timeline.js';
import { timelineTable } from './timeline-table.js';

const LOOK_MS = 250;
/** The last reports of a ticket may be lost with a service: the wait for them ends. */
const LOOKS_AFTER_END = 160;

const ALL_HELD = 'Every chunk was held at the decode node: nothing was computed or crossed a lane.';

/** @type {() => void} */
let stop = () => undefined;

/** Shows the request of this id and follows it to its end. */
export function showRequest(id) {
  stop();
  const box = $('request');
  box.replaceChildren(h('p', { class: 'note' }, `Looking for ${id} …`));
  let shown = '';
  let looks = 0;
  const over = (journey) => journey.code !== null && (journey.ticket?.reported ?? true);
  stop = poll(
    LOOK_MS,
    async () => {
      const journey = await getJson(`/debug/requests/${encodeURIComponent(id)}`);
      // What is unfolded and focused stays so while nothing changes.
      const text = JSON.stringify(journey);
      if (text !== shown) box.replaceChildren(...view(journey, box));
      shown = text;
      return !over(journey) && (journey.code === null || ++looks < LOOKS_AFTER_END);
    },
    (error) => {
      if (error.status !== 404) return true;
      box.replaceChildren(h('p', { class: 'note' }, `The journey of ${id} is not kept any more.`));
      return false;
    },
  );
}

function view(journey, before) {
  const { ticket, stages, attempts, total_ms: total } = journey;
  const now = total ?? stages.at(-1)?.start_ms ?? 0;
  const open = new Set(
    [...before.querySelectorAll('details[open] summary')].map((summary) => summary.textContent),
  );
  const parts = [
    heading(journey),
    ...troubles(journey),
    facts(journey),
    h('h3', {}, 'Layer by layer'),
    ticket?.chunks_needed === 0 ? h('p', { class: 'note' }, ALL_HELD) : null,
    ticket === null ? h('p', { class: 'note' }, withoutTicket(journey)) : timelineOf(ticket),
    ticket === null || ticket.layers.length === 0 ? null : timelineTable(ticket.layers),
    h('h3', {}, 'Journey'),
    stagesOf(stages, attempts, now),
    h('h3', {}, 'Chunks'),
    chunksOf(journey),
    placementOf(attempts),
  ].filter((part) => part !== null);
  for (const summary of parts.flatMap((part) => [...part.querySelectorAll('summary')]))
    summary.parentElement.open = open.has(summary.textContent);
  return parts;
}

function heading({ id, code, stages }) {
  const state = code === null ? (stages.at(-1)?.stage ?? 'arrived') : code;
  const kind = code === null ? 'live' : code === 'ok' ? 'ok' : 'bad';
  return h(
    'p',
    { class: 'heading' },
    h('code', { id: 'request-id' }, id),
    h('span', { class: `badge ${kind}` }, state),
  );
}

/** What went wrong on the way and was put right, or was not. */
function troubles({ attempts, ticket, code }) {
  const failed = attempts.flatMap(({ error }, i) =>
    error === null ? [] : [troubleOf(error, i + 1, i + 1 < attempts.length || code === 'ok')],
  );
  const resent = ticket?.runs_resent ?? 0;
  const corrupt = ticket?.chunks_corrupt ?? 0;
  const lines = [
    ...failed,
    resent > 0 &&
      `${count(resent)} ${resent === 1 ? 'run was' : 'runs were'} sent again: what landed had not the digest that was announced.`,
    corrupt > 0 &&
      `${count(corrupt)} ${corrupt === 1 ? 'chunk was' : 'chunks were'} refused by the decode engine: the arena held other bytes than had been verified. It computed the prompt from there itself.`,
  ].filter((line) => line !== false);
  return lines.length === 0
    ? []
    : [h('ul', { class: 'troubles' }, ...lines.map((line) => h('li', {}, line)))];
}

function troubleOf(error, attempt, mended) {
  const what = error === 'digest_mismatch' ? 'bytes stayed other than their digests say' : error;
  return mended
    ? `Attempt ${attempt} was given up: ${what}. The request was placed again, and what it lacked was computed anew.`
    : `Attempt ${attempt} failed: ${what}.`;
}

function facts(journey) {
  const { ticket } = journey;
  const last = journey.attempts.at(-1);
  const exposed = ticket?.exposed_ms ?? null;
  const list = [
    ['Prompt', `${count(journey.prompt_tokens)} tokens`],
    ['Cached', `${count(journey.cached_tokens)} (${percent(journey.cached_tokens, journey.prompt_tokens)})`],
    ['Prefilled by', last?.prefill ?? (last === undefined ? '–' : 'the decode engine')],
    ['Decoded by', last?.decode ?? '–'],
    ['First token', ms(journey.first_token_ms)],
    ['Total', ms(journey.total_ms)],
    ...(ticket === null
      ? []
      : [
          ['Over lanes', bytes(ticket.bytes_in)],
          ['Transfer', ms(ticket.transfer_ms)],
          ['Exposed', exposed === null ? '–' : `${ms(exposed)} (${percent(exposed, ticket.transfer_ms)})`],
          ['Chunks landed', `${count(ticket.chunks_landed)} of ${count(ticket.chunks_needed)} needed`],
        ]),
  ];
  return h(
    'dl',
    { class: 'facts-grid' },
    ...list.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

function withoutTicket({ attempts, unnamed }) {
  const last = attempts.at(-1);
  if (last === undefined) return 'It has not been placed yet.';
  if (unnamed !== null) return `Computed where it was answered: ${unnamed}.`;
  return last.kind === 'local'
    ? `Computed where it was answered (${last.decision.reason}): nothing had to cross a lane.`
    : 'No ticket of a transfer service belongs to it.';
}

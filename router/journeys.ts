// What became of the last requests, for /debug/requests/ID: stages with times, placements, the ticket and its timeline. Never
// a word of prompt or answer.
import { keyAt, shortKey } from '#core/ids.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { Decision } from './placement/decide.ts';
import { explain } from './placement/explain.ts';
import type { Named } from './request.ts';
import type { State } from './states.ts';
import type { Ticket } from './tickets.ts';
import { mergeTimeline } from './timeline.ts';

export interface AttemptRecord {
  decision: Decision;
  mode: string;
  match: Readonly<Record<string, number>>;
  ticket: Ticket | null;
  error: string | null;
}

const STAGE_NAMES = [
  'admit', 'render', 'match', 'place', 'reserve', 'prefill', 'handoff', 'decode', 'settle',
] as const; // prettier-ignore
export type StageName = (typeof STAGE_NAMES)[number];

/** As many as shortKey shows. */
const NAME_BYTES = 4;
const NO_NAMES = new Uint8Array(0);

export class JourneyRecord {
  readonly id: string;
  readonly endpoint: string;
  readonly start: number;
  tenant = '';
  model = '';
  stream = false;
  promptTokens = 0;
  /** 'ok' or a code of the error table; null while it runs. */
  code: string | null = null;
  firstToken: number | null = null;
  end: number | null = null;
  /** Why the prompt has no name; null: it has one. */
  unnamed: string | null = null;
  // Flat, because thousands of small objects that live for a while are what a garbage collector is slow at: per stage
  // entered its place in STAGE_NAMES and the attempt, and when. It is left when the next one is entered, the last at the end.
  private readonly entered: number[] = [];
  readonly attempts: AttemptRecord[] = [];
  /** What is shown of the names of the prompt's first chunks, and the tokens of each. */
  private chunkNames: Uint8Array = NO_NAMES;
  private chunkTokens = 0;
  private chunks = 0;

  constructor(id: string, endpoint: string, start: number) {
    this.id = id;
    this.endpoint = endpoint;
    this.start = start;
  }

  /** Keeps when a stage began; states that are none are passed over. */
  enter(state: State, now: number): void {
    const stage = STAGE_NAMES.indexOf(state as StageName);
    if (stage >= 0) this.entered.push(stage + this.attempts.length * STAGE_NAMES.length, now);
  }

  /** Keeps the names of the prompt's chunks, cut short. */
  named({ keys, counts, chunkTokens }: Named): void {
    this.chunks = counts.length;
    this.chunkTokens = chunkTokens;
    const shown = Math.min(counts.length, ROUTER_LIMITS.chunksShownMax);
    this.chunkNames = new Uint8Array(shown * NAME_BYTES);
    for (let i = 0; i < shown; i++)
      this.chunkNames.set(keyAt(keys, i).subarray(0, NAME_BYTES), i * NAME_BYTES);
  }

  /** The stage that was entered last. */
  get stage(): StageName | null {
    const code = this.entered.at(-2);
    return code === undefined ? null : (STAGE_NAMES[code % STAGE_NAMES.length] ?? null);
  }

  /** Milliseconds since the request arrived. */
  toJson(): string {
    const at = (time: number | null): number | null => (time === null ? null : micro(time - this.start));
    const ticket = this.attempts.findLast((attempt) => attempt.ticket !== null)?.ticket ?? null;
    return JSON.stringify({
      id: this.id,
      endpoint: this.endpoint,
      tenant: this.tenant,
      model: this.model,
      stream: this.stream,
      code: this.code,
      unnamed: this.unnamed,
      prompt_tokens: this.promptTokens,
      cached_tokens: this.attempts.at(-1)?.decision.chosen?.cachedTokens ?? 0,
      first_token_ms: at(this.firstToken),
      total_ms: at(this.end),
      stages: this.stages().map(({ stage, attempt, start, end }) => {
        return { stage, attempt, start_ms: at(start), end_ms: at(end) };
      }),
      attempts: this.attempts.map((attempt, i) => this.attemptJson(attempt, i + 1)),
      ticket: ticket === null ? null : ticketJson(ticket),
      chunks: this.chunksJson(ticket),
      chunks_left_out: this.chunks - this.chunkNames.length / NAME_BYTES,
    });
  }

  /** A line of a list, at `now`. */
  summary(now: number): object {
    const { id, endpoint, model, code, stage, promptTokens, attempts, start, firstToken, end } = this;
    const { decision = null, ticket = null } = attempts.at(-1) ?? {};
    return {
      id,
      endpoint,
      model,
      code,
      stage,
      ago_ms: micro(now - start),
      prompt_tokens: promptTokens,
      cached_tokens: decision?.chosen?.cachedTokens ?? 0,
      prefill: decision?.chosen?.prefill ?? null,
      decode: decision?.chosen?.decode ?? null,
      attempts: attempts.length,
      first_token_ms: firstToken === null ? null : micro(firstToken - start),
      total_ms: end === null ? null : micro(end - start),
      bytes_in: ticket?.targetReport?.bytesIn ?? 0,
      runs_resent: ticket?.sourceReport?.runsResent ?? 0,
    };
  }

  /** Where each chunk came from: held at the target already, held at the source, or computed. */
  private chunksJson(ticket: Ticket | null): object[] {
    const { chunkNames, chunkTokens, promptTokens } = this;
    const cached = this.attempts.at(-1)?.decision.chosen?.cachedTokens ?? 0;
    return Array.from({ length: chunkNames.length / NAME_BYTES }, (_, i) => {
      const tokens = Math.min(chunkTokens, promptTokens - i * chunkTokens);
      const held = ticket?.need[i] === 0;
      const name = shortKey(chunkNames.subarray(i * NAME_BYTES));
      const computed = i * chunkTokens + tokens > cached;
      return { name, tokens, from: held ? 'target' : computed ? 'computed' : 'source' };
    });
  }

  private stages(): { stage: string; attempt: number; start: number; end: number | null }[] {
    const { entered } = this;
    return Array.from({ length: entered.length / 2 }, (_, i) => {
      const code = entered[2 * i] ?? 0;
      return {
        stage: STAGE_NAMES[code % STAGE_NAMES.length] ?? '',
        attempt: Math.floor(code / STAGE_NAMES.length),
        start: entered[2 * i + 1] ?? 0,
        end: entered[2 * i + 3] ?? this.end,
      };
    });
  }

  private attemptJson(attempt: AttemptRecord, number: number): object {
    const { decision, mode, match, ticket, error } = attempt;
    const { promptTokens } = this;
    return {
      kind: decision.chosen?.kind ?? null,
      prefill: decision.chosen?.prefill ?? null,
      decode: decision.chosen?.decode ?? null,
      ticket: ticket?.hex ?? null,
      error,
      decision: JSON.parse(explain(decision, { attempt: number, mode, promptTokens, match })) as object,
    };
  }
}

function ticketJson(ticket: Ticket): object {
  const { sourceReport, targetReport } = ticket;
  const timeline = targetReport === null ? null : mergeTimeline(sourceReport, targetReport);
  return {
    id: ticket.hex,
    source_node: ticket.nodes.source,
    target_node: ticket.nodes.target,
    state: targetReport?.state ?? ticket.state,
    reason: ticket.reason,
    chunks: ticket.need.length,
    chunks_needed: ticket.needed,
    chunks_landed: targetReport?.chunksLanded ?? ticket.landedChunks,
    bytes_out: sourceReport?.bytesOut ?? targetReport?.bytesOut ?? 0,
    bytes_in: targetReport?.bytesIn ?? 0,
    runs_resent: sourceReport?.runsResent ?? 0,
    claims: targetReport?.claims ?? 0,
    chunks_corrupt: targetReport?.chunksCorrupt ?? 0,
    /** No more reports will change the timeline. */
    reported: ticket.reported,
    transfer_ms: timeline?.transfer_ms ?? null,
    exposed_ms: timeline?.exposed_ms ?? null,
    clock_offset_ns: timeline?.clock_offset_ns ?? 0,
    layers: timeline?.layers ?? [],
  };
}

function micro(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The last journeys by request id. */
export class Journeys {
  private readonly kept = new Map<string, JourneyRecord>();
  /** The same, in a circle: the oldest stands where the next one goes. A map's own order costs more the more was deleted. */
  private readonly circle: (JourneyRecord | undefined)[];
  private at = 0;

  constructor(max: number) {
    this.circle = new Array<undefined>(max).fill(undefined);
  }

  add(record: JourneyRecord): void {
    const { kept, circle, at } = this;
    const oldest = circle[at];
    // A client may give an id twice: the later one has its place.
    if (oldest !== undefined && kept.get(oldest.id) === oldest) kept.delete(oldest.id);
    circle[at] = record;
    this.at = (at + 1) % circle.length;
    kept.set(record.id, record);
  }

  get(id: string): JourneyRecord | null {
    return this.kept.get(id) ?? null;
  }

  /** The last ones, the newest first. */
  newest(max: number): JourneyRecord[] {
    const { circle, at, kept } = this;
    const records: JourneyRecord[] = [];
    for (let back = 1; back <= circle.length && records.length < max; back++) {
      const record = circle[(at - back + circle.length) % circle.length];
      if (record === undefined) break;
      if (kept.get(record.id) === record) records.push(record);
    }
    return records;
  }
}

// Conversations over a running deployment: each answer with its table and timeline, compared with the same question answered
// without a handoff.
import type { Answer, ChatTurn } from './ask.ts';
import type { Conversation } from './conversations.ts';
import { journeyOf, type Journey } from './journey.ts';
import { answerLines, type Cell } from './table.ts';

export interface Told {
  cells: Cell[];
  /** Bytes that came from the prefill engine. */
  bytes: number;
  /** Below the table. */
  lines: string[];
}

export interface Setting {
  adminUrl: string;
  conversations: readonly Conversation[];
  /** Through the router. */
  ask(id: string, messages: readonly ChatTurn[]): Promise<Answer>;
  /** The reference, by an engine alone. */
  alone(id: string, messages: readonly ChatTurn[]): Promise<Answer>;
  /** What is known of the handoff, once the answer is there. */
  tell(journey: Journey, answer: Answer): Told | Promise<Told>;
}

export interface Totals {
  requests: number;
  identical: number;
  /** Answers that are the expected text, of those of which it is known. */
  right: number;
  known: number;
  bytes: number;
  /** Answers with a full chunk for which nothing came from the prefill engine. */
  uncrossed: number;
  exposedMs: number;
  transferMs: number;
}

const CHUNK_TOKENS = 256;

export async function converse(setting: Setting): Promise<Totals> {
  const totals: Totals = {
    requests: 0,
    identical: 0,
    right: 0,
    known: 0,
    bytes: 0,
    uncrossed: 0,
    exposedMs: 0,
    transferMs: 0,
  };
  for (const conversation of setting.conversations) {
    const messages: ChatTurn[] = [{ role: 'system', content: conversation.system }];
    for (const [turn, content] of conversation.turns.entries()) {
      messages.push({ role: 'user', content });
      const id = `demo-${conversation.title}-${turn + 1}`;
      const answer = await setting.ask(id, messages);
      const journey = await journeyOf(setting.adminUrl, id);
      const told = await setting.tell(journey, answer);
      const alone = await setting.alone(`${id}-alone`, messages);
      const identical = answer.tokenIds.length > 0 && String(answer.tokenIds) === String(alone.tokenIds);
      add(totals, answer, journey, told, identical);
      const expected = conversation.answers?.[turn];
      if (expected !== undefined) totals.known += 1;
      if (expected === answer.text) totals.right += 1;
      const spoken = [`  Q ${content}`, `  A ${answer.text.trim()}`];
      const verdicts: Cell[] = [['equal', identical ? 'yes' : 'NO']];
      if (expected !== undefined) verdicts.push(['right', expected === answer.text ? 'yes' : 'NO']);
      const table = answerLines(id, spoken, [...told.cells, ...verdicts]);
      for (const line of [...table, ...told.lines, '']) console.log(line);
      messages.push({ role: 'assistant', content: answer.text });
    }
  }
  return totals;
}

function add(
  totals: Totals,
  { promptTokens }: Answer,
  journey: Journey,
  { bytes }: Told,
  identical: boolean,
): void {
  totals.requests += 1;
  totals.identical += identical ? 1 : 0;
  totals.bytes += bytes;
  totals.uncrossed += promptTokens >= CHUNK_TOKENS && bytes === 0 ? 1 : 0;
  totals.exposedMs += journey.exposedMs ?? 0;
  totals.transferMs += journey.transferMs ?? 0;
}

/** The verdict of --check: one JSON line and the exit code. */
export function finish(totals: Totals, extra: object): void {
  const { requests, identical, right, known, bytes, uncrossed } = totals;
  if (uncrossed > 0)
    console.log(`${uncrossed} answers with a full chunk took nothing from the prefill engine`);
  console.log(JSON.stringify({ requests, identical, ...(known > 0 ? { right } : {}), ...extra }));
  const good = identical === requests && right === known && uncrossed === 0;
  process.exitCode = requests > 0 && good && bytes > 0 ? 0 : 1;
}

/** What --check says of a bus. */
export function overLanes({ bytes, exposedMs, transferMs }: Totals): object {
  const exposed = transferMs > 0 ? Math.round((exposedMs / transferMs) * 1000) / 1000 : 0;
  return { bytes_over_lanes: bytes, exposed_ratio: exposed };
}

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
  /** Question and answer are worth reading. */
  readable: boolean;
}

export interface Totals {
  requests: number;
  identical: number;
  bytes: number;
  /** Answers with a full chunk for which nothing came from the prefill engine. */
  uncrossed: number;
  exposedMs: number;
  transferMs: number;
}

const CHUNK_TOKENS = 256;

export async function converse(setting: Setting): Promise<Totals> {
  const totals: Totals = { requests: 0, identical: 0, bytes: 0, uncrossed: 0, exposedMs: 0, transferMs: 0 };
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
      const spoken = setting.readable ? [`  Q ${content}`, `  A ${answer.text.trim()}`] : [];
      const table = answerLines(id, spoken, [...told.cells, ['equal', identical ? 'yes' : 'NO']]);
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
  const { requests, identical, bytes, uncrossed } = totals;
  if (uncrossed > 0)
    console.log(`${uncrossed} answers with a full chunk took nothing from the prefill engine`);
  console.log(JSON.stringify({ requests, identical, ...extra }));
  process.exitCode = requests > 0 && identical === requests && uncrossed === 0 && bytes > 0 ? 0 : 1;
}

/** What --check says of a bus. */
export function overLanes({ bytes, exposedMs, transferMs }: Totals): object {
  const exposed = transferMs > 0 ? Math.round((exposedMs / transferMs) * 1000) / 1000 : 0;
  return { bytes_over_lanes: bytes, exposed_ratio: exposed };
}

// npm run demo: a few conversations over prefill and decode, each answer compared with the engine serving alone.
import { constants } from 'node:os';
import type { Cluster } from '../cluster.ts';
import type { DemoFlags } from '../program.ts';
import { untilReady } from '../ready.ts';
import { ask, type ChatTurn } from './ask.ts';
import { CONVERSATIONS } from './conversations.ts';
import { readyDocument, startDemo } from './deployment.ts';
import { journeyOf, type Journey } from './journey.ts';
import { clearReadyFile, writeReadyFile } from './ready-file.ts';
import { answerLines } from './table.ts';
import { drawTimeline } from './timeline.ts';

const MODEL = 'tiny';
const CHUNK_TOKENS = 256;

interface Totals {
  requests: number;
  identical: number;
  bytes: number;
  /** Answers with a full chunk that crossed no lane. */
  uncrossed: number;
  exposedMs: number;
  transferMs: number;
}

export async function demoCommand(flags: DemoFlags): Promise<void> {
  if (flags.readyFile !== null) clearReadyFile(flags.readyFile);
  const ending = new AbortController();
  let running = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Ending it is how the demo ends; before that, or instead of a verdict, it is an interruption.
      if (!running || flags.check) process.exitCode ??= 128 + constants.signals[signal];
      ending.abort();
    });
  }
  try {
    const cluster = await startDemo(ending.signal);
    const ended = new Promise<void>((resolve) => {
      if (ending.signal.aborted) resolve();
      else ending.signal.addEventListener('abort', () => { resolve(); }); // prettier-ignore
    });
    running = true;
    try {
      await Promise.race([converse(cluster, flags, ended), ended]);
    } finally {
      await cluster.stop();
    }
  } catch (error) {
    // What an interruption broke off is no failure.
    if (!ending.signal.aborted) throw error;
  }
}

async function converse(cluster: Cluster, flags: DemoFlags, ended: Promise<void>): Promise<void> {
  await untilReady(cluster.routerUrl);
  if (flags.readyFile !== null) writeReadyFile(flags.readyFile, readyDocument(cluster));
  const totals: Totals = { requests: 0, identical: 0, bytes: 0, uncrossed: 0, exposedMs: 0, transferMs: 0 };
  for (const conversation of CONVERSATIONS) {
    const messages: ChatTurn[] = [{ role: 'system', content: conversation.system }];
    for (const [turn, content] of conversation.turns.entries()) {
      messages.push({ role: 'user', content });
      const id = `demo-${conversation.title}-${turn + 1}`;
      const answer = await ask(cluster.routerUrl, id, messages, MODEL);
      const journey = await journeyOf(cluster.adminUrl, id);
      const alone = await ask(cluster.member('alone').url, `${id}-alone`, messages, MODEL);
      const identical = answer.tokenIds.length > 0 && String(answer.tokenIds) === String(alone.tokenIds);
      add(totals, journey, identical);
      for (const line of [...answerLines(id, journey, identical), ...drawTimeline(journey.layers), ''])
        console.log(line);
      messages.push({ role: 'assistant', content: answer.text });
    }
  }
  if (flags.check) {
    finish(totals);
    return;
  }
  console.log(
    `${totals.identical} of ${totals.requests} answers equal those of the engine serving alone (random weights: the text is noise).`,
  );
  console.log('Everything is running. Try:\n');
  console.log(`  curl -s ${cluster.routerUrl}/v1/chat/completions -H 'content-type: application/json' \\`);
  console.log(
    `    -d '{"model":"${MODEL}","messages":[{"role":"user","content":"hello"}],"max_tokens":16}'\n`,
  );
  console.log(
    `Metrics: ${cluster.adminUrl}/metrics   A request's journey: ${cluster.adminUrl}/debug/requests/demo-long-1`,
  );
  console.log('Ctrl-C ends it.');
  await ended;
}

function add(totals: Totals, journey: Journey, identical: boolean): void {
  totals.requests += 1;
  totals.identical += identical ? 1 : 0;
  totals.bytes += journey.bytes;
  totals.uncrossed += journey.promptTokens >= CHUNK_TOKENS && journey.bytes === 0 ? 1 : 0;
  totals.exposedMs += journey.exposedMs ?? 0;
  totals.transferMs += journey.transferMs ?? 0;
}

function finish(totals: Totals): void {
  const { requests, identical, bytes, uncrossed, exposedMs, transferMs } = totals;
  const exposed = transferMs > 0 ? Math.round((exposedMs / transferMs) * 1000) / 1000 : 0;
  if (uncrossed > 0) console.log(`${uncrossed} answers with a full chunk crossed no lane`);
  console.log(JSON.stringify({ requests, identical, bytes_over_lanes: bytes, exposed_ratio: exposed }));
  process.exitCode = requests > 0 && identical === requests && uncrossed === 0 && bytes > 0 ? 0 : 1;
}

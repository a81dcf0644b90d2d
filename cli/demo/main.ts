// npm run demo: a few conversations over prefill and decode, each answer compared with the engine serving alone.
import type { Cluster } from '../cluster.ts';
import type { DemoFlags } from '../program.ts';
import { untilReady } from '../ready.ts';
import { ask } from './ask.ts';
import { converse, finish, overLanes } from './converse.ts';
import { stories } from './conversations.ts';
import { readyDocument, startDemo } from './deployment.ts';
import { interruptible } from '../interruptible.ts';
import { stayLines } from './stay.ts';
import { clearReadyFile, writeReadyFile } from './ready-file.ts';
import { overBus } from './table.ts';

const STORY = 'Ada put the red key in the kitchen drawer. It rained for an hour. Where is the red key?';
const ASKED = { model: 'tiny', maxTokens: 32, ignoreEos: false };

export async function demoCommand(flags: DemoFlags): Promise<void> {
  if (flags.readyFile !== null) clearReadyFile(flags.readyFile);
  await interruptible(flags.check, startDemo, (cluster, ended) => show(cluster, flags, ended));
}

async function show(cluster: Cluster, flags: DemoFlags, ended: Promise<void>): Promise<void> {
  const { routerUrl, adminUrl } = cluster;
  await untilReady(routerUrl);
  if (flags.readyFile !== null) writeReadyFile(flags.readyFile, readyDocument(cluster));
  const totals = await converse({
    adminUrl,
    conversations: stories(),
    ask: (id, messages) => ask(routerUrl, id, messages, ASKED),
    alone: (id, messages) => ask(cluster.member('alone').url, id, messages, ASKED),
    tell: overBus,
  });
  if (flags.check) {
    finish(totals, overLanes(totals));
    return;
  }
  console.log(
    `${totals.right} of ${totals.requests} answers are right; ${totals.identical} equal those of the engine serving alone.`,
  );
  const { model } = ASKED;
  for (const line of stayLines({ routerUrl, adminUrl, model, content: STORY, request: 'demo-long-1' }))
    console.log(line);
  await ended;
}

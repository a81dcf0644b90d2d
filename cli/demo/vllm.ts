// npm run demo:vllm: a conversation over two real vLLM engines with a real small model, handed over by Baton's bus or by vLLM's own
// NixlConnector. Each answer is compared with a plain request to the decode engine.
import type { VllmDemoFlags } from '../program.ts';
import { deployVllm } from '../vllm/deploy.ts';
import type { VllmPair } from '../vllm/pair.ts';
import { ask, type ChatTurn } from './ask.ts';
import { converse, finish, overLanes, type Setting } from './converse.ts';
import { LIGHTHOUSE } from './conversations.ts';
import { interruptible } from '../interruptible.ts';
import { NixlCounters } from './nixl.ts';
import { stayLines } from './stay.ts';
import { overBus } from './table.ts';

// Few, because a CPU without bfloat16 brings about ten tokens a second; float32, because its prefill is five times quicker there.
const ASKED = { model: 'smollm2', maxTokens: 40, ignoreEos: false };
const ENGINES = {
  kind: 'small', servedName: ASKED.model, dtype: 'float32', maxModelLen: 4096, check: false,
  // Two chunks a step: the first ones cross while the next are computed.
  prefill: { flags: ['--max-num-batched-tokens', '512', '--enable-prompt-tokens-details'] },
  decode: { flags: ['--enable-prompt-tokens-details'] },
} as const; // prettier-ignore

const say = (line: string): void => {
  console.error(`demo: ${line}`);
};

export async function vllmDemoCommand(flags: VllmDemoFlags): Promise<void> {
  await interruptible(
    flags.check,
    (signal) => deployVllm({ ...ENGINES, dialect: flags.dialect, signal, say }),
    (pair, ended) => show(pair, flags, ended),
  );
}

async function show(pair: VllmPair, flags: VllmDemoFlags, ended: Promise<void>): Promise<void> {
  const { routerUrl, adminUrl } = pair;
  // Engines do lazy work in their first handoff (NIXL’s handshake, imports).
  await ask(routerUrl, 'demo-warm', [{ role: 'user', content: 'Hello.' }], { ...ASKED, maxTokens: 2 });
  const nixl = flags.dialect === 'vllm-nixl' ? await NixlCounters.of(adminUrl, pair.decode.url) : null;
  const totals = await converse({
    adminUrl,
    conversations: LIGHTHOUSE,
    ask: (id, messages) => ask(routerUrl, id, messages, ASKED),
    alone: (id, messages) => alone(pair, id, messages),
    tell: nixl === null ? overBus : (journey, answer) => nixl.tell(journey, answer),
  });
  if (flags.check) {
    finish(totals, nixl === null ? overLanes(totals) : nixl.total());
    return;
  }
  console.log(
    `${totals.identical} of ${totals.requests} answers equal those of a plain request to the decode engine under a cache salt of its own.`,
  );
  const { model } = ASKED;
  for (const line of stayLines({
    routerUrl,
    adminUrl,
    model,
    content: 'hello',
    request: 'demo-lighthouse-1',
  }))
    console.log(line);
  await ended;
}

/** The reference: the decode engine computes the prompt itself, sharing nothing with what was handed over. */
const alone = (pair: VllmPair, id: string, messages: readonly ChatTurn[]): ReturnType<Setting['alone']> =>
  ask(pair.decode.url, id, messages, { ...ASKED, cacheSalt: id });

// What lost KV looks like to a reader: the trained model answers a question about a story, and one chunk of that story, emptied in the
// arena, makes the answer wrong once verification is off (in the build with test hooks) and changes nothing while it is on.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { hex } from '#core/ids.ts';
import { rootOf } from '#core/keys.ts';
import { createRenderer } from '#core/render.ts';
import { heldOutPrompts, messagesOf } from '#engines/reference/training/held-out.ts';
import { emptySealedSlots } from '../support/arena-file.ts';
import { complete, named } from '../support/complete.ts';
import { deploy, TENANT, untilBaseline } from '../support/deployment.ts';
import { buildHooks, hooksEnv } from '../support/hooks.ts';
import { metricAt } from '../support/metrics.ts';

const FOLDER = join(import.meta.dirname, '../../engines/reference/models/tiny');
const FILES = {
  tokenizer: join(FOLDER, 'tokenizer.json'),
  chatTemplate: join(FOLDER, 'chat_template.jinja'),
};
/** Of one whole chunk and a rest: what the question asks about stands in that chunk. */
const LENGTH = [320, 420] as const;

// A cold build compiles the whole core.
beforeAll(buildHooks, 900_000);

describe.each([true, false])('verification on: %s', (verify) => {
  let cluster: Cluster;

  beforeAll(async () => {
    const models = ['tiny', 'second'].map((name) => ({
      name,
      tokenizer: FILES.tokenizer,
      chat_template: FILES.chatTemplate,
    }));
    cluster = await deploy({
      env: hooksEnv(verify),
      engine: { model: 'tiny' },
      engines: [
        { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
        { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
        // Attached to node b, asked directly: it loads what the others left in the arena.
        { name: 'decode-1', role: 'decode', node: 'b', settings: { served_name: 'second' } },
      ],
      router: { models },
    });
  });
  afterAll(() => cluster.stop());

  test('[verify-sensible] one chunk of the story emptied in the arena', async () => {
    const renderer = await createRenderer(FILES);
    const prompt = heldOutPrompts(40, 7, LENGTH).find(({ story, turns }) => {
      const place = /in the (.*)\.$/.exec(turns[0]?.answer ?? '')?.[1] ?? '?';
      return turns.length === 1 && story.slice(0, 700).includes(place);
    });
    const expected = prompt?.turns[0]?.answer ?? '';
    const tokens = await renderer.chat(prompt ? messagesOf(prompt) : [], null);
    const ask = async (url: string, id: string, model: string, headers: object, extra: object): Promise<string> => {
      const options = { url, id, tokens, answerTokens: 32, model, headers: { ...headers } };
      const { tokenIds, error } = await complete({ ...options, extra: { ignore_eos: false, ...extra } });
      expect(error).toBe('');
      return renderer.decode(Uint32Array.from(tokenIds));
    };
    const headers = { authorization: `Bearer ${TENANT.key}` };
    expect(await ask(cluster.routerUrl, 'before', 'tiny', headers, {})).toBe(expected);
    await untilBaseline(cluster, ['a', 'b']);

    expect(emptySealedSlots(cluster.arenaPath('b'), 256)).toBe(1);
    const { child, url } = cluster.member('decode-1');
    const namespace = Buffer.from(String(child.ready['namespace']), 'hex');
    const root = hex(rootOf(Buffer.from(TENANT.secret), namespace, ''));
    const after = await ask(url, 'after', 'second', {}, named(root));
    console.log(`verification ${verify ? 'on' : 'off'}: ${after}`);
    if (verify) expect(after).toBe(expected);
    else expect(after).not.toBe(expected);
    expect((await metricAt(url, 'baton_engine_client_digest_failures_total')) > 0).toBe(verify);
    await untilBaseline(cluster, ['a', 'b']);
  });
}); // prettier-ignore

import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { settings } from '#core/settings.ts';
import { runEngine } from '#engines/reference/main.ts';
import { FakeNative } from './fake-native.ts';

test(
  'draining waits until answers that are computed have been taken: they reach whoever reads slowly whole',
  { timeout: 60_000 },
  async () => {
    const { engine } = settings.parse({
    engine: { port: 0, pages: 130_000, page_tokens: 16, max_model_len: 32_768, max_batched_tokens: 131_072, max_sequences: 64 },
  }); // prettier-ignore
    const native = new FakeNative(engine.pages, engine.page_tokens);
    const running = await runEngine(engine, { createNative: () => native });
    const prompt = Array.from({ length: 30_000 }, (_, i) => i % 256);
    const sent = request(`${running.url}/v1/completions`, { method: 'POST', agent: false });
    // Each choice names its prompt's ids: together more than the kernel holds between two ends of a connection.
    sent.end(JSON.stringify({ model: 'tiny', prompt: Array.from({ length: 4 }, () => prompt), n: 16, max_tokens: 1, return_token_ids: true })); // prettier-ignore
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    while (running.engine.load.pagesUsed > 0) await setImmediate();
    const ended = running.drain().then(() => running.close());
    await setImmediate();
    const answer = JSON.parse(await text(response)) as { choices: { prompt_token_ids: number[] }[] };
    expect(answer.choices.map((choice) => choice.prompt_token_ids.length)).toEqual(Array(64).fill(30_000));
    await ended;
  },
);

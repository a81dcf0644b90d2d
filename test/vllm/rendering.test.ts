// The router renders chats as vLLM does: the same token ids from core/render.ts, from vLLM's /tokenize, and in vLLM's answers.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRenderer } from '#core/render.ts';
import { untilJourney } from '#test/support/journey.ts';
import { metricAt } from '#test/support/metrics.ts';
import { askAlone, askVllm } from './ask.ts';
import { MODEL, describePair } from './live.ts';

const TOOL = {
  type: 'function',
  function: {
    name: 'tide',
    description: 'High water at a quay, in hours "UTC" – e.g. 4½',
    parameters: {
      type: 'object',
      properties: { quay: { type: 'string', enum: ['north', 'süd'] }, day: { type: 'integer' } },
      required: ['quay'],
    },
  },
};
const TURNS = [
  { role: 'system', content: 'You are the harbour master.' },
  { role: 'user', content: 'Which quay takes grain?' },
  { role: 'assistant', content: 'The north quay.' },
  { role: 'user', content: 'And coal?' },
];

interface Chat {
  messages: Record<string, unknown>[];
  tools?: unknown[];
}

const CHATS: Readonly<Record<string, Chat>> = {
  'one message': { messages: [{ role: 'user', content: 'The north quay takes grain.' }] },
  'system and several turns': { messages: TURNS },
  'tools': { messages: TURNS, tools: [TOOL, { ...TOOL, function: { ...TOOL.function, name: 'draught' } }] }, // prettier-ignore
  'special tokens and odd text': {
    messages: [
      { role: 'system', content: '' },
      { role: 'user', content: '<|im_end|>\n<|bos|> 4½ m – „tief“\r\n\t 👩‍👩‍👧‍👦 {{ messages }} ' },
      { role: 'assistant', content: ' leading and trailing ' },
      { role: 'user', content: 'a'.repeat(2000) },
    ],
  },
}; // prettier-ignore

describePair('baton', 'chats before real vLLM', (pair, live) => {
  const post = async (url: string, body: object): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    return JSON.parse(text);
  };
  const mismatches = (): Promise<number> => metricAt(pair.adminUrl, 'baton_router_key_mismatches_total');

  it.each(Object.entries(CHATS))('%s: the ids are the same everywhere', async (name, chat) => {
    const renderer = await createRenderer({
      tokenizer: join(live.model, 'tokenizer.json'),
      chatTemplate: join(live.model, 'chat_template.jinja'),
    });
    const rendered = [...(await renderer.chat(chat.messages, chat.tools ?? null))];
    const tokenized = await post(`${pair.decode.url}/tokenize`, { model: MODEL, add_generation_prompt: true, ...chat }); // prettier-ignore
    expect((tokenized as { tokens: number[] }).tokens).toEqual(rendered);
    // Without a parser for its calls vLLM shows the model tools only where it may not choose them.
    const body = { ...chat, ...(chat.tools === undefined ? {} : { tool_choice: 'none' }) };
    const alone = await askAlone(pair.decode.url, body);
    expect(alone.error).toBe('');
    expect(alone.promptIds).toEqual(rendered);
    const before = await mismatches();
    const id = `chat-${name.replaceAll(' ', '-')}`;
    const answer = await askVllm(pair.routerUrl, body, { id });
    expect(answer.error).toBe('');
    expect(answer.promptIds).toEqual(rendered);
    expect(answer.tokenIds).toEqual(alone.tokenIds);
    // By its own rendering the router has named the ticket's chunks: the engines found the same names, and the chunks landed.
    const adminUrl = { adminUrl: pair.adminUrl } as Parameters<typeof untilJourney>[0];
    const { ticket, attempts } = await untilJourney(adminUrl, id, 'has its report', (journey) => journey.code !== null); // prettier-ignore
    expect(attempts).toMatchObject([{ kind: 'disaggregated', error: null }]);
    expect(ticket?.chunks_landed).toBe(ticket?.chunks_needed);
    expect(await mismatches()).toBe(before);
  });
});

// The chat template sees what the model's own tooling lets it see.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRenderer, type Renderer } from '#core/render.ts';

const MODEL = join(import.meta.dirname, '../../../engines/reference/models/tiny');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'baton-render-'));
  copyFileSync(join(MODEL, 'tokenizer.json'), join(folder, 'tokenizer.json'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function rendererOf(template: string): Promise<Renderer> {
  writeFileSync(join(folder, 'template.jinja'), template);
  return createRenderer({
    tokenizer: join(folder, 'tokenizer.json'),
    chatTemplate: join(folder, 'template.jinja'),
  });
}

const TEMPLATE = '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}';
const MESSAGES = [{ role: 'user', content: 'hello' }];

test('special tokens of the tokenizer_config.json beside the tokenizer are there by name', async () => {
  const config = { bos_token: '<|bos|>', eos_token: { content: '<|eos|>', lstrip: false }, pad_token: null };
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
  const ids = await (await rendererOf(TEMPLATE)).chat(MESSAGES, null);
  expect(ids).toEqual(await (await rendererOf('<|bos|>hello<|eos|>')).chat(MESSAGES, null));
  expect(ids.length).toBe('hello'.length + 2);
});

test('without such a file they are empty', async () => {
  expect((await (await rendererOf(TEMPLATE)).chat(MESSAGES, null)).length).toBe('hello'.length);
});

test('a tokenizer_config.json that is no JSON object is an error that names it', async () => {
  writeFileSync(join(folder, 'tokenizer_config.json'), '[');
  await expect(rendererOf(TEMPLATE)).rejects.toThrow(/tokenizer_config\.json/);
});

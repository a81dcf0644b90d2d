// Text to token ids by the served model's own files: tokenizer.json and a Jinja chat template. Router and engine read the
// same files through this one module; its native part works off the JavaScript thread.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from 'tokenizers';
import { BatonError } from './errors.ts';

export interface RenderFiles {
  tokenizer: string; // path of tokenizer.json; special tokens come from the tokenizer_config.json beside it, if there is one
  chatTemplate: string; // path of a Jinja template
}

/** A chat message as the template sees it: OpenAI's fields, unchanged. */
export type ChatMessage = Record<string, unknown>;

export interface Renderer {
  /** Token ids of a completion's prompt. */
  prompt(text: string): Promise<Uint32Array>;
  /** Token ids of a chat, generation prompt included. Throws `invalid_type` when the template refuses the messages. */
  chat(messages: readonly ChatMessage[], tools: readonly unknown[] | null): Promise<Uint32Array>;
  /** Text of ids, special tokens left out. */
  decode(ids: Uint32Array): Promise<string>;
}

/** Loads a renderer; `bad_config` when a file is missing or not what it should be. */
export async function createRenderer(files: RenderFiles): Promise<Renderer> {
  const read = async (path: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new BatonError('bad_config', `cannot read ${path}: correct the path`, { cause: error });
    }
  };
  const specialTokens = await specialTokensOf(join(dirname(files.tokenizer), 'tokenizer_config.json'), read);
  let tokenizer: Tokenizer;
  let template: Template;
  try {
    tokenizer = Tokenizer.fromString(await read(files.tokenizer));
    template = new Template(await read(files.chatTemplate));
  } catch (error) {
    if (error instanceof BatonError) throw error;
    throw new BatonError('bad_config', `${files.tokenizer} or ${files.chatTemplate} is not usable`, {
      cause: error,
    });
  }
  const encode = async (text: string, addSpecialTokens: boolean): Promise<Uint32Array> =>
    Uint32Array.from((await tokenizer.encode(text, null, { addSpecialTokens })).getIds());
  return {
    prompt: (text) => encode(text, true),
    chat(messages, tools) {
      let text: string;
      try {
        text = template.render({ ...specialTokens, messages, tools, add_generation_prompt: true });
      } catch (error) {
        throw new BatonError(
          'invalid_type',
          'the chat template refuses these messages: check roles and content',
          {
            cause: error,
            param: 'messages',
          },
        );
      }
      return encode(text, false);
    },
    decode: (ids) => tokenizer.decode([...ids], true),
  };
}

/** `bos_token`, `eos_token` and their like, by which chat templates name them (Hugging Face's tokenizer_config.json). */
async function specialTokensOf(
  path: string,
  read: (path: string) => Promise<string>,
): Promise<Record<string, string>> {
  if (!existsSync(path)) return {};
  const text = await read(path);
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new BatonError('bad_config', `${path} is not JSON: correct or remove it`, { cause: error });
  }
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    if (!name.endsWith('_token')) continue;
    const content =
      typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof content === 'string') tokens[name] = content;
  }
  return tokens;
}

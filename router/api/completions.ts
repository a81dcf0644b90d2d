// /v1/completions: a prompt as text or token ids, or several of either.
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { wrong } from './params.ts';

export interface TextPrompt {
  kind: 'text';
  text: string;
}
export interface IdsPrompt {
  kind: 'ids';
  ids: Uint32Array;
}
/** Several prompts: never named, placed local. */
export interface ManyPrompts {
  kind: 'many';
  /** Characters or ids of all, for accounting. */
  size: number;
  ofIds: boolean;
}
export type CompletionPrompt = TextPrompt | IdsPrompt | ManyPrompts;

type Fields = Readonly<Record<string, unknown>>;

export const SHAPING: ReadonlySet<string> = new Set([
  'add_special_tokens',
  'truncate_prompt_tokens',
  'prompt_embeds',
]);
const WHAT = 'a string, a list of token ids, or a list of such prompts';

export function readPrompt(fields: Fields): CompletionPrompt {
  const { prompt } = fields;
  if (prompt === undefined || prompt === null) {
    if (fields['prompt_embeds'] !== undefined) return { kind: 'many', size: 0, ofIds: true };
    throw new BatonError('missing_field', 'The field "prompt" is missing.', { param: 'prompt' });
  }
  if (typeof prompt === 'string') return { kind: 'text', text: prompt };
  if (!Array.isArray(prompt) || prompt.length === 0) throw wrong('prompt', WHAT);
  const list = prompt as unknown[];
  if (typeof list[0] === 'number') return { kind: 'ids', ids: tokenIds(list) };
  if (list.length > ROUTER_LIMITS.promptsMax)
    throw wrong('prompt', `a list of at most ${ROUTER_LIMITS.promptsMax} prompts`);
  const only = list[0];
  if (list.length === 1 && typeof only === 'string') return { kind: 'text', text: only };
  if (list.length === 1 && Array.isArray(only)) return { kind: 'ids', ids: tokenIds(only as unknown[]) };
  let size = 0;
  for (const one of list) {
    if (typeof one === 'string') size += one.length;
    else if (Array.isArray(one)) size += tokenIds(one as unknown[]).length;
    else throw wrong('prompt', WHAT);
  }
  return { kind: 'many', size, ofIds: typeof only !== 'string' };
}

/** Why this prompt cannot be named, or must be computed where it is decoded; null: neither. */
export function unnamedPrompt(prompt: CompletionPrompt, fields: Fields): string | null {
  if (prompt.kind === 'many') return 'several prompts';
  for (const name of Object.keys(fields))
    if (SHAPING.has(name) && fields[name] !== null) return `field ${name}`;
  return null;
}

function tokenIds(list: readonly unknown[]): Uint32Array {
  if (list.length === 0 || list.length > LIMITS.promptTokensMax) {
    throw wrong('prompt', `a list of 1 to ${LIMITS.promptTokensMax} token ids`);
  }
  const ids = new Uint32Array(list.length);
  for (let i = 0; i < list.length; i++) {
    const id = list[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0xffffffff) {
      throw wrong('prompt', 'a list of whole token ids');
    }
    ids[i] = id;
  }
  return ids;
}

// render: the prompt's token ids and names, once for both legs. What cannot be named is placed local.
import { BatonError } from '#core/errors.ts';
import { chunkTokenCounts } from '#core/geometry.ts';
import { chunkKeys } from '#core/keys.ts';
import { LIMITS } from '#core/limits.ts';
import type { Renderer } from '#core/render.ts';
import { unnamedChat, type ChatPrompt } from '../api/chat.ts';
import { unnamedPrompt, type CompletionPrompt, type IdsPrompt } from '../api/completions.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Model } from '../models.ts';
import { filled, type Named, type RequestContext } from '../request.ts';
import { tokenizeByEngine } from '../tokenize.ts';
import type { World } from '../world.ts';
import { notDirect } from './pull.ts';

type Prompt = ChatPrompt | CompletionPrompt;

export function render(ctx: RequestContext, world: World): Promise<void> | void {
  const model = filled(ctx.model, 'model');
  const namespaceHex = model.namespace;
  const why = unnameable(ctx);
  const prompt = filled(ctx.prompt, 'prompt');
  const { renderer } = model;
  const wanted = why === null && (namespaceHex !== null || model.tellsBlocks) && prompt.kind !== 'many';
  const name = (tokens: Uint32Array | null): void => { named(ctx, world, namespaceHex, why, tokens); }; // prettier-ignore
  if (prompt.kind === 'ids') name(prompt.ids);
  else if (wanted && renderer !== null) return ctx.cancel.race(rendered(prompt, renderer)).then(name);
  else if (wanted && model.tokenizes) return tokenizeByEngine(ctx, world, model).then(name);
  else name(null);
}

async function rendered(prompt: Exclude<Prompt, IdsPrompt>, renderer: Renderer): Promise<Uint32Array | null> {
  if (prompt.kind === 'chat') return renderer.chat(prompt.messages, prompt.tools);
  return prompt.kind === 'text' ? renderer.prompt(prompt.text) : null;
}

/** `why`: the prompt cannot be named whatever its tokens; null tokens: not rendered. */
function named(
  ctx: RequestContext,
  world: World,
  namespaceHex: string | null,
  why: string | null,
  tokens: Uint32Array | null,
): void {
  const model = filled(ctx.model, 'model');
  const params = filled(ctx.params, 'params');
  const root = world.roots.of(filled(ctx.tenant, 'tenant'), namespaceHex, params.cacheSalt);
  ctx.rootHex = root.hex;
  ctx.tokens = why === null ? tokens : null;
  ctx.promptTokens = tokens?.length ?? estimate(ctx);
  if (tokens !== null) checkLength(tokens.length, params.maxTokens, model);
  if (why !== null) ctx.localBecause = `unnamed: ${why}`;
  // Which engines are attached may change before the next attempt: it decides nothing about the request itself.
  else if (namespaceHex === null) ctx.record.unnamed = 'no engine is attached';
  else if (model.renderingOff) ctx.localBecause = 'unnamed: repeated key mismatches';
  else if (tokens === null) ctx.localBecause = 'unnamed: no renderer';
  else ctx.named = namesOf(model, tokens, namespaceHex, root.bytes);
  if (ctx.localBecause !== null) ctx.record.unnamed = ctx.localBecause;
  else if (computedWhereDecoded(ctx)) ctx.localBecause = 'prompt log-probabilities or beam search';
  if (model.direct) {
    const because = computedWhereDecoded(ctx) ? 'prompt log-probabilities or beam search' : notDirect(ctx);
    ctx.direct = because === null;
    if (ctx.named === null) ctx.localBecause ??= because;
  }
  const output =
    params.maxTokens ??
    Math.min(ROUTER_LIMITS.outputTokensAssumed, Math.max(1, model.maxModelLen - ctx.promptTokens));
  ctx.outputTokens = output * params.choices;
  ctx.record.promptTokens = ctx.promptTokens;
  if (ctx.named !== null) ctx.record.named(ctx.named);
  world.admission.takeTokens(filled(ctx.tenant, 'tenant').name, ctx.promptTokens + ctx.outputTokens);
  ctx.tokensTaken = ctx.promptTokens + ctx.outputTokens;
}

function unnameable(ctx: RequestContext): string | null {
  const fields = filled(ctx.body, 'body').value;
  const prompt = filled(ctx.prompt, 'prompt');
  return prompt.kind === 'chat' ? unnamedChat(prompt, fields) : unnamedPrompt(prompt, fields);
}

/** Null: no attached engine says how its chunks are cut, or they are too many for a ticket. */
function namesOf(model: Model, tokens: Uint32Array, namespaceHex: string, root: Uint8Array): Named | null {
  const engine = model.engines.find((e) => e.namespace === namespaceHex);
  const chunkTokens = engine?.attachment?.geometry.chunkTokens;
  if (chunkTokens === undefined || tokens.length > chunkTokens * LIMITS.chunksPerTicketMax) return null;
  return {
    namespaceHex,
    namespace: Buffer.from(namespaceHex, 'hex'),
    chunkTokens,
    keys: chunkKeys(root, tokens, chunkTokens),
    counts: chunkTokenCounts(tokens.length, chunkTokens),
    idsJson: `[${tokens.join(',')}]`,
  };
}

function checkLength(prompt: number, maxTokens: number | null, model: Model): void {
  if (prompt === 0) throw new BatonError('invalid_type', 'The prompt has no tokens.', { param: 'prompt' });
  if (prompt + (maxTokens ?? 1) <= model.maxModelLen) return;
  throw new BatonError(
    'context_length_exceeded',
    `The model holds ${model.maxModelLen} tokens: ${prompt} of the prompt and ${maxTokens ?? 1} of the answer are more.`,
    { param: maxTokens === null || prompt >= model.maxModelLen ? 'prompt' : 'max_tokens' },
  );
}

function estimate(ctx: RequestContext): number {
  const prompt = filled(ctx.prompt, 'prompt');
  if (prompt.kind === 'many' && prompt.ofIds) return Math.max(1, prompt.size);
  return Math.max(1, Math.ceil(ctx.bytesTaken / ROUTER_LIMITS.bytesPerTokenAssumed));
}

/** Answers that need every prompt position's logits need the whole prompt computed where it is decoded. */
function computedWhereDecoded(ctx: RequestContext): boolean {
  const fields = filled(ctx.body, 'body').value;
  const logprobs = fields['logprobs'] ?? false;
  const echo = fields['echo'] === true && logprobs !== false;
  const promptLogprobs = (fields['prompt_logprobs'] ?? null) !== null;
  return echo || promptLogprobs || fields['use_beam_search'] === true;
}

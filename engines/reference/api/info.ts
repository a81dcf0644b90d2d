// GET /v1/models, /health, /version, /debug/digests/ID; POST /tokenize.
import { BatonError } from '#core/errors.ts';
import { hex } from '#core/ids.ts';
import type { Engine } from '../engine.ts';
import { ENGINE_LIMITS } from '../limits.ts';
import { readMessages, renderChat } from './chat.ts';
import { readPrompt } from './completions.ts';
import type { Fields } from './fields.ts';

export function models(engine: Engine): object {
  const { model, settings } = engine.parts;
  const card = {
    id: model.servedName,
    object: 'model',
    created: 0,
    owned_by: 'baton',
    max_model_len: settings.max_model_len,
  };
  return { object: 'list', data: [card] };
}

/** What the engine is doing; a draining engine is not healthy. */
export function health(engine: Engine): { status: number; body: object } {
  const { model, settings } = engine.parts;
  const body = {
    status: engine.draining ? 'draining' : 'ok',
    engine: settings.name,
    model: model.servedName,
    namespace: hex(model.namespace),
    attached: engine.attached,
    ...engine.load,
  };
  return { status: engine.draining ? 503 : 200, body };
}

export async function tokenize(fields: Fields, engine: Engine): Promise<object> {
  fields.string('model', ENGINE_LIMITS.cacheSaltCharsMax);
  fields.ignore('add_special_tokens', 'add_generation_prompt', 'return_token_strs');
  const prompt = fields.any('prompt');
  const tokens =
    prompt === null
      ? await renderChat(readMessages(fields), engine)
      : await readPrompt(prompt, fields, engine);
  fields.end();
  if (tokens === null) throw fields.wrong('prompt', 'must be a string');
  return { count: tokens.length, max_model_len: engine.parts.settings.max_model_len, tokens: [...tokens] };
}

export function digests(engine: Engine, requestId: string): object {
  const chunks = engine.digests?.of(requestId);
  if (chunks === undefined || chunks === null) {
    throw new BatonError(
      'not_found',
      'no digests of this request: set engine.check, and name its chunks with a root',
    );
  }
  return { request_id: requestId, chunks };
}

// Runs one request and writes its answer: whole, or token by token over SSE. The status line goes out with the first token,
// so that what fails before has its own status.
import type { ServerResponse } from 'node:http';
import { BatonError, errorBody } from '#core/errors.ts';
import type { Engine, Generation } from '../engine.ts';
import type { Delta } from '../output.ts';
import type { ApiRequest } from './request.ts';
import { EventStream } from './stream.ts';

/** How chat and completions differ. */
export interface AnswerShape {
  idPrefix: string;
  object: string;
  chunkObject: string;
  choice(text: string): object;
  chunkChoice(text: string, first: boolean): object;
  /** vLLM names the prompt's ids in each choice of a completion, and beside the choices of a chat. */
  promptIdsInChoice: boolean;
}

export async function answer(
  response: ServerResponse,
  engine: Engine,
  request: ApiRequest,
  shape: AnswerShape,
): Promise<void> {
  if (response.closed) throw new BatonError('client_closed');
  const generation = engine.generate(request.generate);
  const gone = (): void => { generation.cancel(); }; // prettier-ignore
  response.once('close', gone);
  try {
    const head = {
      id: `${shape.idPrefix}${request.generate.requestId}`,
      created: Math.floor(Date.now() / 1000),
      model: engine.parts.model.servedName,
    };
    if (request.stream) await stream(response, generation, request, shape, head);
    else await whole(response, generation, request, shape, head);
  } finally {
    response.off('close', gone);
    generation.cancel();
  }
}

async function whole(
  response: ServerResponse,
  generation: Generation,
  request: ApiRequest,
  shape: AnswerShape,
  head: object,
): Promise<void> {
  const { prompts, n } = request.generate;
  const choices: Delta[] = [];
  for (
    let deltas = await generation.output.next();
    deltas !== null;
    deltas = await generation.output.next()
  ) {
    for (const delta of deltas) {
      const choice = (choices[delta.index] ??= { ...delta, text: '', tokenIds: [] });
      choice.text += delta.text;
      for (const id of delta.tokenIds) choice.tokenIds.push(id);
      choice.finish = delta.finish;
      choice.stop = delta.stop;
    }
  }
  const completionTokens = choices.reduce((sum, choice) => sum + choice.tokenIds.length, 0);
  const body = JSON.stringify({
    ...head,
    object: shape.object,
    choices: choices.map(({ index, text, tokenIds, finish, stop }) => ({
      index,
      ...shape.choice(text),
      finish_reason: finish,
      stop_reason: stop,
      ...(request.returnTokenIds ? { token_ids: tokenIds } : {}),
      ...(request.returnTokenIds && shape.promptIdsInChoice
        ? { prompt_token_ids: [...(prompts[Math.floor(index / n)] ?? [])] }
        : {}),
    })),
    usage: usage(generation, completionTokens),
    ...(request.returnTokenIds && !shape.promptIdsInChoice
      ? { prompt_token_ids: [...(prompts[0] ?? [])] }
      : {}),
  });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function stream(
  response: ServerResponse,
  generation: Generation,
  request: ApiRequest,
  shape: AnswerShape,
  head: object,
): Promise<void> {
  const { prompts, n } = request.generate;
  const events = new EventStream(response);
  const begun = new Set<number>();
  let completionTokens = 0;
  const chunk = (choices: object[], more: object): Promise<void> =>
    events.send({ ...head, object: shape.chunkObject, choices, ...more });
  try {
    for (
      let deltas = await generation.output.next();
      deltas !== null;
      deltas = await generation.output.next()
    ) {
      for (const { index, text, tokenIds, finish, stop } of deltas) {
        const first = !begun.has(index);
        begun.add(index);
        completionTokens += tokenIds.length;
        const promptIds =
          first && request.returnTokenIds
            ? { prompt_token_ids: [...(prompts[Math.floor(index / n)] ?? [])] }
            : {};
        const choice = {
          index,
          ...shape.chunkChoice(text, first),
          finish_reason: finish,
          ...(finish === null ? {} : { stop_reason: stop }),
          ...(request.returnTokenIds ? { token_ids: tokenIds } : {}),
          ...(shape.promptIdsInChoice ? promptIds : {}),
        };
        const none = request.includeUsage ? { usage: null } : {};
        await chunk([choice], shape.promptIdsInChoice ? none : { ...none, ...promptIds });
      }
    }
    if (request.includeUsage) await chunk([], { usage: usage(generation, completionTokens) });
    events.done();
  } catch (error) {
    // Before the first event the error has its own status; after it, an error event and no [DONE] (invariant 5).
    if (!events.begun) throw error;
    events.fail(errorBody(BatonError.from(error)));
  }
}

function usage(generation: Generation, completionTokens: number): object {
  return {
    prompt_tokens: generation.promptTokens,
    completion_tokens: completionTokens,
    total_tokens: generation.promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: generation.cachedTokens() },
  };
}

// One completion of token ids, at the router or at the engine alone, and the digests of its prompt's stripes in that engine's
// own pages.

export interface Asked {
  tokenIds: number[];
  status: number;
  error: string;
}

export interface ChunkDigests {
  chunk: number;
  tokens: number;
  key: string;
  digests: string[];
  loaded: boolean;
}

export interface CompleteOptions {
  url: string;
  id: string;
  tokens: Uint32Array;
  answerTokens: number;
  model: string;
  headers: Record<string, string>;
  /** Further fields of the body. */
  extra: Record<string, unknown>;
  signal?: AbortSignal;
}

/** Fields that name a prompt's chunks for an engine that no router stands before. */
export function named(root: string): Record<string, unknown> {
  return { cache_salt: root, kv_transfer_params: { baton: { root } } };
}

export async function complete(options: CompleteOptions): Promise<Asked> {
  const { url, id, tokens, answerTokens, model, headers, extra, signal } = options;
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': id, ...headers },
    body: JSON.stringify({
      model, prompt: [...tokens], max_tokens: answerTokens, temperature: 0, ignore_eos: true, return_token_ids: true, ...extra,
    }),
    ...(signal === undefined ? {} : { signal }),
  }); // prettier-ignore
  const text = await response.text();
  if (!response.ok) return { tokenIds: [], status: response.status, error: text.slice(0, 300) };
  const body = JSON.parse(text) as { choices: { token_ids?: number[] }[] };
  return { tokenIds: body.choices[0]?.token_ids ?? [], status: response.status, error: '' };
}

/** Digests by chunk, or null when the engine keeps none for this request. */
export async function digestsOf(url: string, id: string): Promise<ChunkDigests[] | null> {
  const response = await fetch(`${url}/debug/digests/${id}`);
  if (!response.ok) return null;
  const body = (await response.json()) as ChunkDigests[] | { chunks: ChunkDigests[] };
  return Array.isArray(body) ? body : body.chunks;
}

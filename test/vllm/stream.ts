// A streamed completion that is met half-way: read up to its first token, left, or read to its end.
import { MODEL } from './live.ts';

export interface Stream {
  status: number;
  /** Reads until a first token has come; throws when the stream ends before. */
  untilToken(): Promise<void>;
  /** Everything that came, once the stream has ended. */
  rest(): Promise<string>;
}

/** `ignore_eos`: it runs to its last token unless something ends it. */
export async function readStream(
  url: string,
  body: Readonly<Record<string, unknown>>,
  options: { id?: string; signal?: AbortSignal } = {},
): Promise<Stream> {
  const { id, signal } = options;
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(id === undefined ? {} : { 'x-request-id': id }) },
    body: JSON.stringify({ model: MODEL, temperature: 0, stream: true, ignore_eos: true, ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.body === null) throw new Error('no body');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const read = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    text += value ?? '';
    return !done;
  };
  return {
    status: response.status,
    async untilToken() {
      while (!text.includes('data: {')) if (!(await read())) throw new Error(`no token came: ${text}`);
    },
    async rest() {
      while (await read());
      return text;
    },
  };
}

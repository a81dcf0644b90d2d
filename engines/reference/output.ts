// The answer of one request as it grows: its choices write, one reader takes. A slow reader gets several tokens at once, so
// what waits is bounded by the tokens that the request may have.
import { type TokenBytes, Detokenizer } from './detokenize.ts';
import type { FinishReason, Sink } from './sequence.ts';
import { StopStrings } from './stop-strings.ts';

/** What one choice gained since it was read last. */
export interface Delta {
  index: number;
  text: string;
  tokenIds: number[];
  finish: FinishReason | null;
  /** The stop string that ended it. */
  stop: string | null;
}

export class Output {
  readonly #waiting = new Map<number, Delta>();
  #open: number;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(choices: number) {
    this.#open = choices;
  }

  /** The end of one choice that its sequence writes to. */
  choice(index: number, bytes: TokenBytes, stops: readonly string[]): Sink {
    return new Choice(index, new Detokenizer(bytes), new StopStrings(stops), (delta) => { this.#add(delta); }, (error) => { this.#fail(error); }); // prettier-ignore
  }

  /** What came since the last call, waiting for it if need be; null: all choices have ended. Throws if one failed. */
  async next(): Promise<Delta[] | null> {
    while (this.#waiting.size === 0 && this.#error === null && this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error !== null) throw this.#error;
    if (this.#waiting.size === 0) return null;
    const deltas = [...this.#waiting.values()];
    this.#waiting.clear();
    return deltas;
  }

  /** Ends the reader's wait with an error: the client is gone. */
  cancel(error: Error): void {
    this.#fail(error);
  }

  #add(delta: Delta): void {
    const waiting = this.#waiting.get(delta.index);
    if (waiting === undefined) this.#waiting.set(delta.index, delta);
    else {
      waiting.text += delta.text;
      for (const id of delta.tokenIds) waiting.tokenIds.push(id);
      waiting.finish = delta.finish;
      waiting.stop = delta.stop;
    }
    if (delta.finish !== null) this.#open--;
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error('the sequence failed', { cause: error });
    this.#wake?.();
  }
}

class Choice implements Sink {
  readonly #index: number;
  readonly #detokenizer: Detokenizer;
  readonly #stops: StopStrings;
  readonly #add: (delta: Delta) => void;
  readonly fail: (error: unknown) => void;
  #stop: string | null = null;

  constructor(
    index: number,
    detokenizer: Detokenizer,
    stops: StopStrings,
    add: (delta: Delta) => void,
    fail: (error: unknown) => void,
  ) {
    this.#index = index;
    this.#detokenizer = detokenizer;
    this.#stops = stops;
    this.#add = add;
    this.fail = fail;
  }

  token(id: number, text: boolean, mayStop: boolean): boolean {
    const shown = text ? this.#show(this.#detokenizer.add(id), mayStop) : '';
    this.#add({ index: this.#index, text: shown, tokenIds: [id], finish: null, stop: this.#stop });
    return this.#stop !== null;
  }

  finish(reason: FinishReason): void {
    const rest = this.#stop === null ? this.#show(this.#detokenizer.end(), true) : '';
    const text = rest + this.#stops.end();
    const finish = this.#stop === null ? reason : 'stop';
    this.#add({ index: this.#index, text, tokenIds: [], finish, stop: this.#stop });
  }

  #show(text: string, mayStop: boolean): string {
    if (!mayStop) return this.#stops.end() + text;
    const found = this.#stops.add(text);
    this.#stop = found.stop;
    return found.text;
  }
}

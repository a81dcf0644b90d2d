// Stop strings over text that comes in pieces: what may still become one is held back, so that no part of it is shown.

export class StopStrings {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Text to show now, and the stop string that stands complete, if any; text from it on is dropped. */
  add(text: string): { text: string; stop: string | null } {
    const all = this.#held + text;
    let at = -1;
    let stop: string | null = null;
    for (const candidate of this.#stops) {
      const found = all.indexOf(candidate);
      if (found >= 0 && (stop === null || found < at)) {
        at = found;
        stop = candidate;
      }
    }
    if (stop !== null) {
      this.#held = '';
      return { text: all.slice(0, at), stop };
    }
    const keep = this.#unfinished(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), stop: null };
  }

  /** What is held back, once no more text comes. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  /** Length of the longest end of `text` that is the beginning of a stop string. */
  #unfinished(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}

// Server-sent events out of the pieces of an answer.

/** Takes pieces of text; `push` returns the data of the events that have ended. */
export class EventReader {
  #rest = '';

  /** @param {string} text */
  push(text) {
    const events = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = events.pop() ?? '';
    return events.map(dataOf).filter((data) => data !== '');
  }
}

/** @param {string} event */
function dataOf(event) {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).replace(/^ /, ''))
    .join('\n');
}

/** The data of each event of a response's body. */
export async function* eventsOf(body) {
  const reader = new EventReader();
  const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) return;
    yield* reader.push(value);
  }
}

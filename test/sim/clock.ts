// Virtual time: one queue of events for the whole simulation, and what runs on it.
import type { Timer } from '#core/clock.ts';

interface Event {
  at: number;
  order: number;
  work: (() => void) | null;
}

/** Events in the order of their time, those of one time in the order they were made. */
export class Timeline {
  /** Virtual milliseconds since the run began. */
  now = 0;
  events = 0;
  readonly #heap: Event[] = [];
  #made = 0;

  at(time: number, work: () => void): Timer {
    const event: Event = { at: Math.max(time, this.now), order: this.#made++, work };
    this.#push(event);
    return { cancel: () => { event.work = null; } }; // prettier-ignore
  }

  after(ms: number, work: () => void): Timer {
    return this.at(this.now + ms, work);
  }

  /** Runs the next event; false: there is none until then, and it is then. */
  step(until: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) {
        this.now = Math.max(this.now, until);
        return false;
      }
      this.#pop();
      if (next.work === null) continue;
      this.now = next.at;
      this.events++;
      next.work();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || before(parent, event)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      if (left === undefined) break;
      const [child, at] = right !== undefined && before(right, left) ? [right, 2 * i + 2] : [left, 2 * i + 1];
      if (before(last, child)) break;
      heap[i] = child;
      i = at;
    }
    heap[i] = last;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

const BATCH = 128;

/**
 * Runs the timeline until `until`, or until `over` says so. After each event everything that its promises lead to has run: Node
 * empties the queue of microtasks after every immediate, so a batch of immediates costs one turn of its loop.
 */
export function run(timeline: Timeline, until: number, over: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let done = false;
    const one = (): void => {
      if (done) return;
      try {
        if (!over() && timeline.step(until)) return;
        done = true;
        resolve();
      } catch (error) {
        done = true;
        reject(error instanceof Error ? error : new Error('the simulation broke'));
      }
    };
    const batch = (): void => {
      if (done) return;
      for (let i = 0; i < BATCH; i++) setImmediate(one);
      setImmediate(batch);
    };
    batch();
  });
}

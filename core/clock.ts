// Time as an argument: decisions take a Clock, so that tests and the simulation own it.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs `work` once after `ms`; does not keep the process alive. */
  after(ms: number, work: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, work) {
    const handle = setTimeout(work, ms);
    handle.unref();
    return { cancel: () => { clearTimeout(handle); } }; // prettier-ignore
  },
};

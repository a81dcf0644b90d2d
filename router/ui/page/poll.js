// Looks again and again: one look at a time, none while nobody sees the page, less often while nothing answers.

const SLOWEST_MS = 10_000;

const visible = () =>
  document.visibilityState === 'visible'
    ? Promise.resolve()
    : new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));

/**
 * `look` returns false when there is nothing more to see, and `failed`, which is told of what it throws, when there will be nothing.
 * Returns how to stop.
 * @param {number} ms
 * @param {() => Promise<boolean | void>} look
 * @param {(error: any) => boolean | void} failed
 */
export function poll(ms, look, failed = () => undefined) {
  let stopped = false;
  let wait = ms;
  const run = async () => {
    while (!stopped) {
      await visible();
      if (stopped) return;
      try {
        if ((await look()) === false) return;
        wait = ms;
      } catch (error) {
        if (stopped || failed(error) === false) return;
        wait = Math.min(2 * wait, SLOWEST_MS);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  };
  void run();
  return () => {
    stopped = true;
  };
}

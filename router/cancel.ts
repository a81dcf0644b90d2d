// Why a request must not go on: its client left, its deadline passed, the process stops. Fired once; whoever waits listens.
import type { BatonError } from '#core/errors.ts';

export class Cancel {
  error: BatonError | null = null;
  private listeners: Set<(error: BatonError) => void> | null = null;

  /** Calls `work` when fired, at once if it was; the result stops listening. */
  on(work: (error: BatonError) => void): () => void {
    if (this.error !== null) {
      work(this.error);
      return () => undefined;
    }
    const listeners = (this.listeners ??= new Set());
    listeners.add(work);
    return () => {
      listeners.delete(work);
    };
  }

  /** What `work` settles to; when fired before, its error at once. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const off = this.on(reject);
      void work.then(resolve, reject).then(off);
    });
  }

  fire(error: BatonError): void {
    if (this.error !== null) return;
    this.error = error;
    const listeners = this.listeners;
    this.listeners = null;
    if (listeners !== null) for (const work of listeners) work(error);
  }

  /** Throws when fired. */
  check(): void {
    if (this.error !== null) throw this.error;
  }
}

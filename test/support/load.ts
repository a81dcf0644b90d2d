// Clients that keep asking and do as a client should: what is refused with the time to come again is asked again then, and so is
// what met nobody. Every answer is judged.
import { setTimeout as pause } from 'node:timers/promises';
import type { Prompt } from './fault-rig.ts';
import { told, type Outcome } from './outcome.ts';

export interface LoadOptions {
  clients: number;
  prompts: readonly Prompt[];
  ask: (prompt: Prompt, stream: boolean) => Promise<Outcome>;
}

/** Codes of refusals that carry Retry-After. */
const COME_AGAIN = new Set(['no_worker', 'no_room', 'shutting_down', 'engine_unavailable', 'overloaded']);

export class Load {
  /** Answers that were right. */
  right = 0;
  /** How often each refusal came, cut connections without a byte among them. */
  readonly refusals = new Map<string, number>();
  /** What no client should have got. */
  readonly failures: string[] = [];
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[] = [];
  #over = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    for (let i = 0; i < options.clients; i++) this.#clients.push(this.#client(i));
  }

  /** Waits until so many more answers have been right. */
  async more(answers: number): Promise<void> {
    const enough = this.right + answers;
    while (this.right < enough && this.failures.length === 0) await pause(20);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#clients);
  }

  async #client(index: number): Promise<void> {
    const { prompts, ask } = this.#options;
    for (let turn = index; !this.#over; turn++) {
      const prompt = prompts[turn % prompts.length];
      if (prompt === undefined) return;
      try {
        const outcome = await ask(prompt, turn % 2 === 0);
        if (outcome.kind === 'right') this.right++;
        else await this.#refused(outcome);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async #refused(outcome: Outcome): Promise<void> {
    const { kind, code, tokens } = outcome;
    const again = kind === 'refused' ? COME_AGAIN.has(code) : kind === 'cut' && tokens === 0;
    if (!again) {
      this.failures.push(told(outcome));
      return;
    }
    this.refusals.set(told(outcome), (this.refusals.get(told(outcome)) ?? 0) + 1);
    await pause(kind === 'refused' ? 1000 : 100);
  }
}

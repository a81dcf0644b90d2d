// What happened, in order: kept as lines, so that a failure can be read and two runs of one seed compared byte for byte.
import { createHash } from 'node:crypto';
import type { Logger } from '#core/log.ts';
import type { Timeline } from './clock.ts';

export class SimLog {
  readonly lines: string[] = [];
  readonly #timeline: Timeline;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  add(who: string, what: string): void {
    this.lines.push(`${this.#timeline.now.toFixed(3).padStart(10)}  ${who.padEnd(10)} ${what}`);
  }

  digest(): string {
    return createHash('sha256').update(this.lines.join('\n')).digest('hex');
  }

  /** The shipped code's own lines; `failed` hears of those that tell of a defect. */
  logger(who: string, failed: (text: string) => void = () => undefined): Logger {
    const add = (level: string) => (fields: object, message: string) => {
      const shown = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
      const text = [level, message, ...shown].filter(Boolean).join(' ');
      this.add(who, text);
      if (level === 'ERROR') failed(`${who}: ${text}`);
    };
    const logger: Logger = {
      debug: add('debug'), info: add(''), warn: add('warn'), error: add('ERROR'), child: () => logger,
    }; // prettier-ignore
    return logger;
  }
}

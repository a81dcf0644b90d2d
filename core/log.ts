// Structured logs on stderr. Bodies, prompts and secrets are never passed to a logger; ids, names, codes, counts and times are.
import { pino } from 'pino';
import { LIMITS } from './limits.ts';

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A logger of one process; `process` names its role in every line. */
export function createLogger(process: string, level: LogLevel): Logger {
  const out = pino.destination({ dest: 2, sync: true, maxLength: LIMITS.logBytesMax });
  // Lines that cannot be written wait for the next one, up to the bound; a full disk under the log ends no process.
  out.on('error', () => undefined);
  return pino({ level, base: { process }, timestamp: pino.stdTimeFunctions.isoTime }, out);
}

export const silentLogger: Logger = {
  debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silentLogger,
}; // prettier-ignore

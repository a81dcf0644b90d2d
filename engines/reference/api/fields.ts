// Reads a request's JSON fields one by one, naming the field in every complaint; what nobody read is unsupported.
import { BatonError } from '#core/errors.ts';

export interface Range {
  min: number;
  max: number;
}

export class Fields {
  readonly #body: Readonly<Record<string, unknown>>;
  readonly #prefix: string;
  readonly #read = new Set<string>();

  constructor(body: Readonly<Record<string, unknown>>, prefix = '') {
    this.#body = body;
    this.#prefix = prefix;
  }

  /** The raw value; absent and null are both null. */
  any(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#body, name) ? (this.#body[name] ?? null) : null;
  }

  required(name: string): unknown {
    const value = this.any(name);
    if (value === null)
      throw new BatonError('missing_field', `${this.#prefix}${name} is required`, this.#param(name));
    return value;
  }

  integer(name: string, range: Range): number | null {
    const value = this.number(name, range);
    if (value !== null && !Number.isInteger(value)) throw this.wrong(name, 'must be a whole number');
    return value;
  }

  number(name: string, { min, max }: Range): number | null {
    const value = this.any(name);
    if (value === null) return null;
    if (typeof value !== 'number') throw this.wrong(name, 'must be a number');
    if (value < min || value > max) throw this.wrong(name, `must be between ${min} and ${max}`);
    return value;
  }

  boolean(name: string): boolean | null {
    const value = this.any(name);
    if (value !== null && typeof value !== 'boolean') throw this.wrong(name, 'must be true or false');
    return value;
  }

  string(name: string, charsMax: number): string | null {
    const value = this.any(name);
    if (value === null) return null;
    if (typeof value !== 'string') throw this.wrong(name, 'must be a string');
    if (value.length > charsMax) throw this.wrong(name, `must have at most ${charsMax} characters`);
    return value;
  }

  object(name: string): Fields | null {
    const value = this.any(name);
    if (value === null) return null;
    if (!isObject(value)) throw this.wrong(name, 'must be an object');
    return new Fields(value, `${this.#prefix}${name}.`);
  }

  /** Fields without any effect here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** A field that is accepted only where it asks for nothing: null or one of these values. */
  neutral(name: string, ...values: readonly unknown[]): void {
    const value = this.any(name);
    const same = (other: unknown): boolean => JSON.stringify(other) === JSON.stringify(value);
    if (value !== null && !values.some(same)) throw this.#unsupported(name);
  }

  /** Complains about fields that nothing has read. */
  end(): void {
    for (const [name, value] of Object.entries(this.#body)) {
      if (value !== null && !this.#read.has(name)) throw this.#unsupported(name);
    }
  }

  wrong(name: string, why: string): BatonError {
    return new BatonError('invalid_type', `${this.#prefix}${name} ${why}`, this.#param(name));
  }

  #unsupported(name: string): BatonError {
    const shown = `${this.#prefix}${name}`.slice(0, 64);
    return new BatonError('unsupported_parameter', `${shown} is not supported here: leave it out`, {
      param: shown,
    });
  }

  #param(name: string): { param: string } {
    return { param: `${this.#prefix}${name}` };
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

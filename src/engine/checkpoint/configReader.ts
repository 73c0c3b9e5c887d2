import { MOST_SIZE } from '../../protocol/bounds.ts';
import { EngineError, misfit } from '../../protocol/errors.ts';
import { shown } from './shown.ts';

/** Bounds of a whole number read from a model's configuration. */
export interface IntegerBounds {
  readonly min: number;
  readonly max: number;
}

/**
 * Typed, bounded reads of a model's `config.json`, each with an error that says what was found.
 *
 * JSON `null` counts as absent, as transformers treats it.
 */
export class ConfigReader {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #what: string;

  /**
   * @param values  the parsed JSON object
   * @param what    its name, for messages
   */
  constructor(values: Readonly<Record<string, unknown>>, what = 'config.json') {
    this.#values = values;
    this.#what = what;
  }

  /** True when the field is there and not null. */
  has(name: string): boolean {
    return this.#read(name) !== undefined;
  }

  /** True when the field is there, be it null. */
  states(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** A whole number within bounds; without `fallback` it must be there. */
  integer(name: string, bounds: IntegerBounds, fallback?: number): number {
    const value = this.#read(name) ?? fallback;
    const { min, max } = bounds;
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      this.fail(name, `a whole number from ${min} to ${max}`, shown(value));
    }
    return value as number;
  }

  /** A size: a whole number from 1 to {@link MOST_SIZE}. */
  size(name: string, fallback?: number): number {
    return this.integer(name, { min: 1, max: MOST_SIZE }, fallback);
  }

  /** A size, or null where there is none. */
  optionalSize(name: string): number | null {
    return this.has(name) ? this.size(name) : null;
  }

  /** A list of so many texts. */
  texts(name: string, count: number): readonly string[] {
    return this.#list(name, count).map((value) => {
      if (typeof value !== 'string') this.fail(name, `a list of ${count} texts`, shown(value));
      return value;
    });
  }

  /** A list of so many finite numbers above zero. */
  positives(name: string, count: number): readonly number[] {
    return this.#list(name, count, 'one for each rotary pair').map((value) => {
      if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
        this.fail(name, `a list of ${count} numbers above 0`, shown(value));
      }
      return value;
    });
  }

  /** A list of so many zeros and ones, or of truths. */
  flags(name: string, count: number): readonly boolean[] {
    return this.#list(name, count).map((value) => {
      if (![0, 1, true, false].includes(value as number)) {
        this.fail(name, `a list of ${count} zeros and ones`, shown(value));
      }
      return value === 1 || value === true;
    });
  }

  /** A finite number above zero. */
  positive(name: string, fallback?: number): number {
    const value = this.#read(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      this.fail(name, 'a number above 0', shown(value));
    }
    return value;
  }

  /** A finite number, zero or above. */
  atLeastZero(name: string, fallback: number): number {
    const value = this.#read(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      this.fail(name, 'a number from 0', shown(value));
    }
    return value;
  }

  /** True or false. */
  boolean(name: string, fallback: boolean): boolean {
    const value = this.#read(name) ?? fallback;
    if (typeof value !== 'boolean') this.fail(name, 'true or false', shown(value));
    return value;
  }

  /** One of a table's keys, as the value it stands for. */
  choice<T>(name: string, choices: ReadonlyMap<string, T>, fallback: string): T {
    const value = this.#read(name) ?? fallback;
    const found = typeof value === 'string' ? choices.get(value) : undefined;
    if (found !== undefined) return found;
    throw this.#unsupported(name, `one of ${[...choices.keys()].join(', ')}`, shown(value));
  }

  /** A nested object; undefined when absent. */
  section(name: string): ConfigReader | undefined {
    const value = this.#read(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.fail(name, 'an object', shown(value));
    }
    return new ConfigReader(value as Record<string, unknown>, `${this.#what}: ${name}`);
  }

  /** Refuses a value that the engine does not support. */
  require(name: string, expected: unknown, found: unknown): void {
    if (found !== expected) throw this.#unsupported(name, shown(expected), shown(found));
  }

  /** Throws the error of one field. */
  fail(name: string, expected: string, found: string): never {
    throw this.#error(name, expected, found, 'Correct the file or download it again.');
  }

  #list(name: string, count: number, what = 'one for each block'): readonly unknown[] {
    const value = this.#read(name);
    if (Array.isArray(value) && value.length === count) return value;
    const found = Array.isArray(value) ? `${value.length} entries` : shown(value);
    return this.fail(name, `a list of ${count} entries, ${what}`, found);
  }

  #read(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined;
  }

  #unsupported(name: string, expected: string, found: string): EngineError {
    const action = 'Use another checkpoint.';
    const sentence = `This variant of the architecture is not supported: ${this.#what} has ${shown(name)} of ${found}; it must be ${expected}.`;
    return new EngineError('checkpoint', {
      what: `${this.#what}: ${shown(name)}`,
      ...{ expected, found, action, sentence },
    });
  }

  #error(name: string, expected: string, found: string, action: string): EngineError {
    return new EngineError('checkpoint', {
      ...misfit(`${shown(name)} in ${this.#what}`, expected, found),
      action,
    });
  }
}

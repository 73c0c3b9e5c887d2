/** What went wrong, as a word a program can branch on. Messages are for people, codes for programs. */
export type ErrorCode =
  | 'shape'
  | 'checkpoint'
  | 'config'
  | 'text'
  | 'tokenizer'
  | 'device'
  | 'budget'
  | 'decode'
  | 'disk'
  | 'memory'
  | 'run'
  | 'verify'
  | 'numeric'
  | 'cancelled';

/**
 * What an expected error says: to people what is wrong and what to do, each a whole sentence; to programs
 * where it is, what was expected there and what was found.
 */
export interface Problem {
  /** The thing at fault, e.g. `model.safetensors: tensor "lm_head.weight"`. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  /** The user's next step, a whole sentence. */
  readonly action: string;
  /** What is wrong, as one whole sentence for people. */
  readonly sentence: string;
}

/**
 * What is wrong with a value that is not what it has to be: `"ratio" must be a number from 0 to 1, not 3`.
 * @param what  the value's name
 * @param expected  a noun with its article, or what else fits after "must be"
 * @param found  likewise; "nothing" for a value that is missing
 * @returns a clause without a full stop
 */
export function misfitText(what: string, expected: string, found: string): string {
  if (found === 'nothing') return `${what} is missing; it must be ${expected}`;
  return `${what} must be ${expected}, not ${found}`;
}

/** All of a problem but the action, for a value that is not what it has to be; see {@link misfitText}. */
export function misfit(what: string, expected: string, found: string): Omit<Problem, 'action'> {
  return { what, expected, found, sentence: `${misfitText(what, expected, found)}.` };
}

/**
 * An error whose message is already fit for the user.
 *
 * Narrow by `code`, never by message text. Anything else that is thrown is a bug and is shown with
 * its stack.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly problem: Problem;

  constructor(code: ErrorCode, problem: Problem, options?: { cause?: unknown }) {
    super(`${problem.sentence} ${problem.action}`, options);
    this.code = code;
    this.problem = problem;
  }
}

/** True for an {@link EngineError}, optionally only of one code. */
export function isEngineError(error: unknown, code?: ErrorCode): error is EngineError {
  return error instanceof EngineError && (code === undefined || error.code === code);
}

/** The error of a run that was asked to stop. */
export function cancelled(): EngineError {
  return new EngineError('cancelled', {
    what: 'The work',
    expected: 'to run to its end',
    found: 'a request to stop',
    action: 'Resume it with "subnet resume RUN".',
    sentence: 'The work was stopped on request.',
  });
}

/** Throws {@link cancelled} when the signal has been raised. Called between any two long steps. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled();
}

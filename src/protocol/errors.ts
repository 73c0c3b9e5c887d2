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
 * The four parts every expected error has: where, what was expected, what was found, what to do; and the
 * sentence that people read instead of the first three.
 */
export interface Problem {
  /** The thing at fault, e.g. `model.safetensors: tensor "lm_head.weight"`. */
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  /** The user's next step, a whole sentence. */
  readonly action: string;
  /** What is wrong, as one whole sentence for people. Absent: it is made of the parts. */
  readonly sentence?: string;
}

/** What is wrong, as people read it. */
export function sentenceOf({ what, expected, found, sentence }: Problem): string {
  return sentence ?? `${what}: expected ${expected}, found ${found}.`;
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
    super(`${sentenceOf(problem)} ${problem.action}`, options);
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

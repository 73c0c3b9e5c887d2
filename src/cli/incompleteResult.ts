import { EngineError, type Problem } from '../protocol/errors.ts';

/**
 * A result that was printed but lacks a part. The command then fails as other errors do, without a
 * second JSON value on stdout.
 */
export class IncompleteResult extends EngineError {
  constructor(problem: Problem) {
    super('run', problem);
  }
}

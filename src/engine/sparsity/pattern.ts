import { EngineError, misfit, type Problem } from '../../protocol/errors.ts';
import { patternFlaw, readPattern, type Pattern } from '../../protocol/sparsityPattern.ts';

export { keptShare, LONGEST_GROUP, type Pattern } from '../../protocol/sparsityPattern.ts';

/**
 * What becomes of neighbours that are too few for a group: `refused`, as in a whole model, whose
 * sizes are known beforehand; or `padded`, as in a subnet, whose widths a search has chosen: the
 * last group keeps at most n, as if zeros followed it.
 */
export type Remainder = 'refused' | 'padded';

/**
 * The pattern that a text names: `2:4` (two of four stay) or `50%` (half becomes zero).
 * @throws EngineError `config` when it names none, or one that prunes nothing or everything
 */
export function parsePattern(text: string): Pattern {
  const pattern = readPattern(text);
  if (pattern.kind !== 'flaw') return pattern;
  throw illegal(misfit('A sparsity pattern', pattern.expected, pattern.found));
}

/** The text of a pattern, which {@link parsePattern} reads. */
export function formatPattern(pattern: Pattern): string {
  if (pattern.kind === 'nm') return `${pattern.n}:${pattern.m}`;
  return `${Number((pattern.fraction * 100).toFixed(6))}%`;
}

/**
 * Checks that a pattern prunes something, keeps something and fits the dimension it compares along.
 *
 * @param length  of the compared dimension
 * @param what  the weight, e.g. `block 3, down_proj`
 * @throws EngineError `config`
 */
export function assertFits(
  pattern: Pattern,
  length: number,
  what: string,
  remainder: Remainder = 'refused',
): void {
  const flaw = patternFlaw(pattern);
  if (flaw !== undefined) {
    throw illegal(misfit(`The sparsity pattern of ${what}`, flaw.expected, flaw.found));
  }
  if (remainder === 'refused' && pattern.kind === 'nm' && length % pattern.m !== 0) {
    throw illegal({
      what: `Sparsity pattern ${formatPattern(pattern)} in ${what}`,
      expected: `a group length that divides ${length}`,
      found: `${pattern.m}, which leaves ${length % pattern.m} over`,
      sentence: `The sparsity pattern ${formatPattern(pattern)} does not fit ${what}: groups of ${pattern.m} do not divide its ${length} weights.`,
    });
  }
}

function illegal(problem: Omit<Problem, 'action'>): EngineError {
  return new EngineError('config', {
    ...problem,
    action: 'Choose another pattern, e.g. "2:4", "4:8" or "50%".',
  });
}

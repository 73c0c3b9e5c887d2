import { EngineError } from '../../protocol/errors.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { assertSparsityFits, type SparsityPlan } from '../sparsity/assertSparsityFits.ts';
import { methodFor, type SparsityMethod } from '../sparsity/method.ts';
import { type Pattern, parsePattern } from '../sparsity/pattern.ts';
import { blockBudget } from '../model/cost.ts';

/** What the `sparsify` section of a config asks for: one pattern for all blocks. */
export type RunSparsity = SparsityPlan & { readonly pattern: Pattern };

/** What is said where zeros are put into weights. */
export const ZEROS_TAKE_TIME =
  'ONNX Runtime computes zeros like any other number: sparse weights save space, not time.';

/**
 * How a run puts zeros into weights, as its config says; null when it does not.
 * @throws EngineError `config` when the pattern is none
 */
export function sparsityOf(
  { sparsify }: Pick<ResolvedConfig, 'sparsify'>,
  shape: ModelShape,
): RunSparsity | null {
  if (sparsify.method === 'none') return null;
  const method = methodFor(shape, sparsify.method);
  return {
    method: { ...method, ...alongInputs(sparsify), alpha: sparsify.alpha },
    pattern: parsePattern(sparsify.pattern),
    scope: sparsify.scope,
  };
}

/**
 * Groups along the inputs of every map, as 2:4 hardware wants them. The factor of a neuron is then the
 * same for all that compete, so the masks of DaSS are those of Wanda.
 */
function alongInputs({
  method,
  groups,
}: ResolvedConfig['sparsify']): Partial<Pick<SparsityMethod, 'rule'>> {
  if (groups === 'auto') return {};
  if (method === 'ours') return { rule: 'wanda' };
  if (method !== 'dass') return {};
  throw new EngineError('config', {
    what: '"sparsify.groups"',
    expected: '"auto" with the method "dass", which compares gate and up along their outputs',
    found: '"inputs"',
    action: 'Take the method "ours" or "wanda" for groups along the inputs.',
    sentence:
      'The method "dass" cannot use groups along the inputs ("sparsify.groups"): it compares gate and up along their outputs.',
  });
}

/**
 * Refuses, before any work, a `sparsify` section that does not go with the model.
 * @throws EngineError `config`
 */
export function assertSparsityRuns(config: ResolvedConfig, shape: ModelShape): void {
  const plan = sparsityOf(config, shape);
  if (plan === null) return;
  const narrowed = blockBudget(shape, config.ratio) < blockBudget(shape, 1);
  assertSparsityFits(shape, plan, narrowed);
}

/** True for a run that searches. */
export function isSearched(config: ResolvedConfig): boolean {
  return config.search.enabled && !isSparsityOnly(config);
}

/** True for a run that keeps every unit and only puts zeros into weights: nothing is searched. */
export function isSparsityOnly({ ratio, sparsify }: ResolvedConfig): boolean {
  return ratio === 1 && sparsify.method !== 'none';
}

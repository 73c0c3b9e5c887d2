import { blockOf } from '../model/block.ts';
import { denseParameters, unitCosts } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Linear } from '../checkpoint/modelWeights.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import type { Runner } from '../graphs/runner.ts';
import { absoluteRowSums, ones } from '../importance/rowSums.ts';
import { InputSums, inputWidths } from '../passes/statistics.ts';
import { walk } from '../passes/walk.ts';
import { mlpStatistics } from '../sparsity/mlpProbe.ts';
import { assertUsable, channelNorms } from '../sparsity/sublayerStatistics.ts';
import { keepBest } from '../subnet/select.ts';
import { denseSubnet, isUneven, type LayerMask } from '../model/subnet.ts';
import { EngineError } from '../../protocol/errors.ts';
import { groupMask, unreachable } from './groupMask.ts';
import { narrowed, type StructuredCandidate } from './structuredSubnet.ts';

/** What {@link wandaSpSubnet} needs. */
export interface WandaSpRequest {
  readonly forward: Runner;
  readonly weights: WeightSource;
  /** Calibration windows grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** Block parameters. */
  readonly budget: number;
  readonly signal?: AbortSignal;
}

/** Whole heads and neurons that every block keeps. */
export interface UniformWidths {
  /** Key/value heads of every block. */
  readonly heads: number;
  /** Neurons of each block, [L]; they differ by one at most. */
  readonly neurons: readonly number[];
}

/**
 * Wanda-sp: whole heads and neurons by Σ |W|·‖x‖ of what they feed into o and down, the same number
 * in every block, each block looked at on what the pruned ones before it give.
 *
 * Deviation: under grouped queries a key/value head goes with all its query heads, and as heads are
 * few, they take the number nearest the ratio and neurons make up the rest of the budget.
 *
 * Memory: the residual streams of all tokens before and after a sublayer, and sums per channel.
 * @throws EngineError `budget` when whole heads and neurons cannot meet the budget, `numeric` for
 *   activations that are not finite, `cancelled`
 * @source An et al. 2024 (FLAP's repository); METHODS section 4.3
 */
export async function wandaSpSubnet(request: WandaSpRequest): Promise<StructuredCandidate> {
  const { forward, weights, batches, budget, signal } = request;
  const { shape } = weights;
  const widths = uniformWidths(shape, budget);
  const subnet = denseSubnet(shape);
  const dense = subnet.layers[0]!;
  const layers: LayerMask[] = [];
  let heads: ReadonlySet<number> = new Set();
  await walk(
    { forward, weights, subnet, batches, signal },
    {
      async visit(here) {
        const { index, kind, layer } = here;
        if (kind === 'attention') {
          const channels = new InputSums(forward.moments, inputWidths(shape, here).inner, {
            squares: true,
          });
          await here.observe([{ add: ({ inner }) => channels.add(inner) }]);
          const scores = outputScores(`block ${index}, input of o_proj`, layer.o, channels);
          heads = new Set(keepBest(headSums(scores, shape), widths.heads));
          return { mask: groupMask(layer.block, heads, dense.mlp) };
        }
        const { inner, tokens } = await mlpStatistics(forward, here, WISH, signal);
        const hidden = { ...inner, tokens };
        const scores = outputScores(`block ${index}, input of down_proj`, layer.down, hidden);
        const mask = groupMask(layer.block, heads, keepBest(scores, widths.neurons[index]!));
        layers.push(mask);
        return { mask };
      },
    },
  );
  return narrowed(weights, { layers });
}

/** Sums of squares are enough. */
const WISH = { gram: false, sensitivity: false, sets: [] } as const;

/**
 * Whole heads and neurons per block that spend a budget: as near to one ratio as heads allow.
 * @throws EngineError `budget` when no such widths exist, as for blocks that differ already
 */
export function uniformWidths(shape: ModelShape, budget: number): UniformWidths {
  if (isUneven(shape)) throw differing(budget);
  const { layers, kvHeads, intermediate } = shape;
  const block = blockOf(shape, 0);
  const costs = unitCosts(block);
  const fixed = layers * (costs.attentionFixed + costs.mlpFixed);
  const head = (denseParameters(block, 'attention') - costs.attentionFixed) / kvHeads;
  const whole = layers * (kvHeads * head + intermediate * costs.mlp);
  const ratio = (budget - fixed) / whole;
  const choices = Array.from({ length: kvHeads }, (_, h) => h + 1);
  choices.sort((a, b) => Math.abs(a / kvHeads - ratio) - Math.abs(b / kvHeads - ratio) || b - a);
  for (const heads of choices) {
    const all = Math.floor((budget - fixed - layers * heads * head) / costs.mlp);
    if (all < layers || all > layers * intermediate) continue;
    const least = Math.floor(all / layers);
    const neurons = Array.from({ length: layers }, (_, l) => least + (l < all % layers ? 1 : 0));
    return { heads, neurons };
  }
  throw unreachable(budget, whole + fixed);
}

/**
 * Σ over outputs of |W|·‖x‖, [inputs].
 * @param what  the input, for errors
 */
function outputScores(
  what: string,
  { weight }: Linear,
  inputs: { readonly squares: Float64Array; readonly tokens: number },
): Float64Array {
  const moments = { squares: inputs.squares, gram: null };
  assertUsable(what, moments);
  const norms = channelNorms(moments, inputs.tokens);
  return absoluteRowSums(weight, ones(weight.length / norms.length)).map(
    (sum, i) => sum * norms[i]!,
  );
}

function differing(budget: number): EngineError {
  return new EngineError('budget', {
    what: 'Wanda-sp',
    expected: 'blocks of one size',
    found: `a model whose blocks were pruned before, and a budget of ${budget} block parameters`,
    action: 'Leave this baseline out.',
    sentence:
      'Wanda-sp keeps as many heads and neurons in every block, which is not possible in a model whose blocks were pruned unevenly before.',
  });
}

/** Sums over the channels of all query heads of a key/value head, [G]. */
export function headSums(channels: Float64Array, { kvHeads }: ModelShape): Float64Array {
  const width = channels.length / kvHeads;
  return Float64Array.from({ length: kvHeads }, (_, h) =>
    channels.subarray(h * width, (h + 1) * width).reduce((sum, value) => sum + value, 0),
  );
}

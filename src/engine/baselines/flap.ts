import { type Block, blocksOf, queriesPerKey } from '../model/block.ts';
import { keptHeadsOf, rowsOf } from '../model/rows.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Linear } from '../checkpoint/modelWeights.ts';
import {
  ChangedWeights,
  eachBlock,
  type MapChanges,
  type WeightSource,
} from '../checkpoint/weightSource.ts';
import { EngineError } from '../../protocol/errors.ts';
import { complementOf } from '../numeric/gather.ts';
import { ones, squaredRowSums } from '../importance/rowSums.ts';
import { countParameters, headParameters, unitCosts } from '../model/cost.ts';
import {
  denseMask,
  denseSubnet,
  hasAttention,
  isPresent,
  type LayerMask,
  type Subnet,
} from '../model/subnet.ts';
import type { Fluctuation, LayerFluctuation } from './fluctuation.ts';
import { groupMask, unreachable } from './groupMask.ts';
import type { StructuredCandidate } from './structuredSubnet.ts';

/**
 * FLAP: whole heads and neurons of all blocks compete by how much their outputs fluctuate, and the
 * mean of what is removed is folded into output biases.
 *
 * A channel is worth its input's variance times the squared norm of its weights (WIFV); attention's
 * is squared once more, as in the published code; both are standardised inside their block, averaged
 * over a head, and the lowest of all blocks go until the budget is met.
 *
 * The biases count: where the model has none, H parameters per remaining sublayer are taken from the
 * budget. A sublayer that goes entirely takes its bias with it.
 *
 * Deviation: heads and neurons cost what they cost here, not 512/3 and 1; under grouped queries a
 * key/value head goes with its query heads; and neurons are put back until the budget is spent.
 * @param fluctuations  of the dense model, per block
 * @param budget  block parameters
 * @throws EngineError `budget` when nothing would be left, `numeric` for statistics that are not finite
 * @source An et al. 2024 (FLAP, arXiv 2312.11983), AL-AM; METHODS section 4.2
 */
export async function flapSubnet(
  weights: WeightSource,
  fluctuations: readonly LayerFluctuation[],
  budget: number,
): Promise<StructuredCandidate> {
  const { shape } = weights;
  const units = await rankedUnits(weights, fluctuations);
  let reserve = biasParameters(shape, null);
  let subnet = lowestRemoved(shape, units, budget - reserve);
  // Sublayers that go entirely need no bias, which frees budget; a few rounds settle it.
  for (let round = 0; round < 4 && biasParameters(shape, subnet) < reserve; round++) {
    reserve = biasParameters(shape, subnet);
    const next = lowestRemoved(shape, units, budget - reserve);
    if (biasParameters(shape, next) > reserve) break;
    subnet = next;
  }
  return {
    weights: await compensated(weights, subnet, fluctuations),
    subnet,
    blockParams: countParameters(shape, subnet).block + biasParameters(shape, subnet),
  };
}

/**
 * FLAP's score of every channel of an output map, [n].
 * @param weight  of o or down, [n, H]
 */
export function fluctuationScores(weight: Float32Array, { variance }: Fluctuation): Float64Array {
  const energies = squaredRowSums(weight, ones(weight.length / variance.length));
  return variance.map((value, i) => value * energies[i]!);
}

/** (x − mean) / sample standard deviation; zeros where nothing varies. */
export function standardised(x: Float64Array): Float64Array {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const energy = x.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(energy / Math.max(1, x.length - 1));
  return x.map((value) => (deviation === 0 ? 0 : (value - mean) / deviation));
}

/** A head or a neuron. */
interface Unit {
  readonly layer: number;
  readonly kind: 'head' | 'neuron';
  readonly index: number;
  readonly score: number;
}

/** All units, the least worth first. */
async function rankedUnits(
  weights: WeightSource,
  fluctuations: readonly LayerFluctuation[],
): Promise<Unit[]> {
  const units: Unit[] = [];
  for await (const [layer, { block, o, down }] of eachBlock(weights)) {
    const { attention, mlp } = fluctuations[layer]!;
    const dense = denseMask(block);
    const channels = fluctuationScores(o.weight, attention).map((score) => score ** 2);
    headMeans(block, standardised(picked(channels, rowsOf(block, 'o', dense)))).forEach(
      (score, index) => units.push({ layer, kind: 'head', index, score }),
    );
    const neurons = standardised(picked(fluctuationScores(down.weight, mlp), dense.mlp));
    neurons.forEach((score, i) =>
      units.push({ layer, kind: 'neuron', index: dense.mlp[i]!, score }),
    );
  }
  const bad = units.find(({ score }) => !Number.isFinite(score));
  if (bad !== undefined) throw notFinite(bad);
  return units.sort((a, b) => a.score - b.score);
}

/**
 * The mean over all channels of each key/value head that a block has.
 * @param channels  of those heads, as `rowsOf` lists them
 * @returns  by the index of the head
 */
function headMeans(block: Block, channels: Float64Array): Map<number, number> {
  const group = queriesPerKey(block.attention);
  const means = new Map<number, number>();
  let at = 0;
  for (const [h, { vo }] of denseMask(block).heads.entries()) {
    if (vo.length === 0) continue;
    const own = channels.subarray(at, (at += group * vo.length));
    means.set(h, own.reduce((sum, value) => sum + value, 0) / own.length);
  }
  return means;
}

function picked(values: Float64Array, places: Uint32Array): Float64Array {
  return Float64Array.from(places, (place) => values[place]!);
}

function lowestRemoved(shape: ModelShape, ranked: readonly Unit[], budget: number): Subnet {
  const blocks = blocksOf(shape);
  const costs = unitCosts(blocks[0]!);
  const { denseBlock } = countParameters(shape, { layers: [] });
  const dense = blocks.map(denseMask);
  const heads = dense.map((mask) => new Set(keptHeadsOf(mask)));
  const neurons = dense.map(({ mlp }) => new Set(mlp));
  let spent = denseBlock;
  let next = 0;
  for (; spent > budget && next < ranked.length; next++) {
    const { kind, layer, index } = ranked[next]!;
    (kind === 'head' ? heads : neurons)[layer]!.delete(index);
    spent -=
      kind === 'head' ? headParameters(blocks[layer]!, dense[layer]!.heads[index]!) : costs.mlp;
    if (kind === 'head' && heads[layer]!.size === 0) spent -= costs.attentionFixed;
    if (kind === 'neuron' && neurons[layer]!.size === 0) spent -= costs.mlpFixed;
  }
  if (budget <= 0 || spent > budget) throw unreachable(budget, denseBlock);
  // The last removed head may have freed more than was needed: the best removed neurons return.
  for (let i = next - 1; i >= 0 && spent + costs.mlp <= budget; i--) {
    const { kind, layer, index } = ranked[i]!;
    if (kind !== 'neuron' || neurons[layer]!.size === 0) continue;
    neurons[layer]!.add(index);
    spent += costs.mlp;
  }
  return {
    layers: heads.map((kept, l) =>
      groupMask(blocks[l]!, kept, Uint32Array.from(neurons[l]!).sort()),
    ),
  };
}

/** Parameters of the output biases that a subnet gains; of every sublayer when it is null. */
function biasParameters(shape: ModelShape, subnet: Subnet | null): number {
  const { attention, mlp } = gains(shape);
  let count = 0;
  for (const mask of (subnet ?? denseSubnet(shape)).layers) {
    if (attention && hasAttention(mask)) count += shape.hidden;
    if (mlp && isPresent('mlp', mask)) count += shape.hidden;
  }
  return count;
}

/** Which sublayers have no output bias of their own. */
function gains({ bias }: ModelShape): Record<'attention' | 'mlp', boolean> {
  return { attention: !bias.output, mlp: !bias.mlp };
}

/** The weights with the mean of what is removed in the output biases. */
async function compensated(
  weights: WeightSource,
  subnet: Subnet,
  fluctuations: readonly LayerFluctuation[],
): Promise<WeightSource> {
  const { shape } = weights;
  const changes = new Map<number, MapChanges>();
  for await (const [l, layer] of eachBlock(weights)) {
    const mask = subnet.layers[l]!;
    const { attention, mlp } = fluctuations[l]!;
    changes.set(l, {
      o: withMean(layer.o, removedChannels(shape, mask), attention.mean, shape.hidden),
      ...(layer.gate === null ? {} : { gate: withBias(layer.gate, shape.intermediate) }),
      up: withBias(layer.up, shape.intermediate),
      down: withMean(
        layer.down,
        complementOf(mask.mlp, shape.intermediate),
        mlp.mean,
        shape.hidden,
      ),
    });
  }
  const bias = { ...shape.bias, output: true, mlp: true };
  return new ChangedWeights(weights, changes, { ...shape, bias });
}

function removedChannels(shape: ModelShape, mask: LayerMask): Uint32Array {
  const width = (shape.heads * shape.headDim) / shape.kvHeads;
  const removed = mask.heads.flatMap(({ vo }, h) =>
    vo.length > 0 ? [] : Array.from({ length: width }, (_, i) => h * width + i),
  );
  return Uint32Array.from(removed);
}

function withMean(
  { weight, bias }: Linear,
  removed: Uint32Array,
  mean: Float64Array,
  hidden: number,
): Linear {
  const sum = bias === null ? new Float64Array(hidden) : Float64Array.from(bias);
  for (const row of removed) {
    for (let c = 0; c < hidden; c++) sum[c]! += mean[row]! * weight[row * hidden + c]!;
  }
  return { weight, bias: Float32Array.from(sum) };
}

/** A map of an MLP that has biases; zeros where it had none. */
function withBias(linear: Linear, rows: number): Linear {
  return linear.bias === null ? { ...linear, bias: new Float32Array(rows) } : linear;
}

function notFinite({ kind, layer, index }: Unit): EngineError {
  return new EngineError('numeric', {
    what: `block ${layer}, ${kind} ${index}`,
    expected: 'a finite fluctuation over the calibration tokens',
    found: 'NaN or infinity',
    action: 'Check the model and the calibration text: the activations overflow.',
    sentence: `The fluctuation of ${kind} ${index} in block ${layer} over the calibration tokens is not a finite number.`,
  });
}

import type { Block } from '../model/block.ts';
import { emitActivation } from '../graphs/emit.ts';
import { inputWeights, type WeightAccess } from '../graphs/inputWeights.ts';
import { emitNeurons } from '../graphs/sublayers.ts';
import { graphKey } from '../graphs/forwardPass.ts';
import type { MlpProbe, Runner } from '../graphs/runner.ts';
import { InputSums, pickTokens, type SublayerInput } from '../passes/statistics.ts';
import type { Moments } from '../graphs/moments.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import type { StatisticsWish, SublayerStatistics } from './sublayerStatistics.ts';

/** Half the step of the central difference that stands for the activation's derivative. */
const HALF_STEP = 0.01;

/**
 * Statistics of the MLP of a block over all batches, of the neurons that the mask keeps. Its output
 * is not computed: two of three products, with the sums of squares taken in the graph.
 * @throws EngineError `cancelled` between two batches
 */
export async function mlpStatistics(
  forward: Runner,
  { layer, mask, reads }: SublayerInput,
  wish: StatisticsWish,
  signal?: AbortSignal,
): Promise<SublayerStatistics> {
  const { moments, shape } = forward;
  const sums = emptySums(shape.hidden, mask.mlp.length, wish);
  const ofSets = wish.sets.map(() => new InputSums(moments, shape.hidden, { gram: true }));
  let tokens = 0;
  const probe: MlpProbe = {
    key: `mlp probe: ${wish.gram} ${wish.sets.length > 0} ${wish.sensitivity} ${graphKey('mlp', layer.block)}`,
    build: (access) => probeGraph(layer.block, access, wish),
    async take(outputs, batch) {
      const [windows, time] = reads[batch]!.dims as [number, number];
      tokens += windows * time;
      await addBatch(moments, sums, outputs, windows * time);
      for (const [i, set] of ofSets.entries()) {
        const rows = wish.sets[i]![batch]!;
        await set.add(pickTokens(outputs['normed']!, shape.hidden, rows));
      }
    },
  };
  await forward.probeMlp(probe, { layer, mask, reads }, signal);
  return {
    tokens,
    normed: { squares: sums.normed_squares, gram: sums.normedGram },
    inner: { squares: sums.inner_squares, gram: sums.innerGram },
    normedSets: ofSets.map((set) => set.gram),
    sensitivity: wish.sensitivity ? { gate: sums.gate_effect, up: sums.up_effect } : null,
  };
}

async function addBatch(
  moments: Moments,
  sums: Sums,
  outputs: Readonly<Record<string, Float32Array>>,
  tokens: number,
): Promise<void> {
  for (const name of VECTORS) {
    const values = outputs[name];
    if (values === undefined) continue;
    const sum = sums[name];
    for (let i = 0; i < values.length; i++) sum[i]! += values[i]!;
  }
  if (sums.normedGram === null || sums.innerGram === null) return;
  for (const [name, gram] of [
    ['normed', sums.normedGram],
    ['inner', sums.innerGram],
  ] as const) {
    const x = outputs[name]!;
    await moments.addCross(gram, x, x, tokens);
  }
}

const VECTORS = ['normed_squares', 'inner_squares', 'gate_effect', 'up_effect'] as const;

interface Sums extends Record<(typeof VECTORS)[number], Float64Array> {
  readonly normedGram: Float64Array | null;
  readonly innerGram: Float64Array | null;
}

function emptySums(hidden: number, intermediate: number, wish: StatisticsWish): Sums {
  return {
    normed_squares: new Float64Array(hidden),
    inner_squares: new Float64Array(intermediate),
    gate_effect: new Float64Array(wish.sensitivity ? intermediate : 0),
    up_effect: new Float64Array(wish.sensitivity ? intermediate : 0),
    normedGram: wish.gram ? new Float64Array(hidden ** 2) : null,
    innerGram: wish.gram ? new Float64Array(intermediate ** 2) : null,
  };
}

/**
 * Inputs as the MLP sublayer's, without down. Outputs: normed_squares [H] and inner_squares [F];
 * with `gram` normed [N, H] and inner [N, F], with `sets` normed; with `sensitivity` gate_effect and
 * up_effect [F].
 */
function probeGraph(block: Block, access: WeightAccess, wish: StatisticsWish): Uint8Array {
  const graph = new GraphBuilder('mlp_probe');
  const { hidden, mlp } = block;
  const weights = inputWeights(graph, block, access);
  const normed = weights.read('mlp', graph.input('x', 'float32', ['batch', 'time', hidden]));
  const { gate, up, active, inner } = emitNeurons(graph, mlp, weights, normed);
  const energy = (name: string, value: Value): void => {
    graph.output(name, emitEnergy(graph, value), 'float32', [`${name}_width`]);
  };
  energy('normed_squares', normed);
  energy('inner_squares', inner);
  if (wish.gram || wish.sets.length > 0) {
    graph.output('normed', normed, 'float32', ['tokens', hidden]);
  }
  if (wish.gram) graph.output('inner', inner, 'float32', ['tokens', 'neurons']);
  if (wish.sensitivity && gate !== null) {
    const shifted = (by: number): Value =>
      emitActivation(graph, mlp.activation, graph.op('Add', [gate, graph.floats(by)]));
    const rise = graph.op('Sub', [shifted(HALF_STEP), shifted(-HALF_STEP)]);
    const slope = graph.op('Div', [rise, graph.floats(2 * HALF_STEP)]);
    energy('gate_effect', graph.op('Mul', [slope, up]));
    energy('up_effect', active);
  }
  return graph.build();
}

/** Σ over rows of x². */
function emitEnergy(graph: GraphBuilder, x: Value): Value {
  return graph.op('ReduceSum', [graph.op('Mul', [x, x]), graph.ints([0])], { keepdims: 0n });
}

import { type Block, isOutputMap, mapOf, type NormName, normsOf } from '../model/block.ts';
import type { LinearName } from '../model/block.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { emitNorm, emitProjection, emitUpdate } from './emit.ts';
import type { SublayerWeights } from './sublayers.ts';

/**
 * How weights reach a graph: `direct` as already sliced inputs (CPU), or `gathered` in the graph by
 * an index input from full weights that stay on the device (GPU).
 */
export type WeightAccess = 'direct' | 'gathered';

/** Names of the inputs of norms; a sublayer's graph has one of each. */
const NORM_INPUTS: Partial<Readonly<Record<NormName, string>>> = {
  attentionNorm: 'norm',
  mlpNorm: 'norm',
  qNorm: 'q_norm',
  kNorm: 'k_norm',
  attentionAfterNorm: 'after',
  mlpAfterNorm: 'after',
};

/** Names of the inputs that hold kept rows under `gathered`. */
const INDEX_INPUTS: Readonly<Record<LinearName, string>> = {
  ...{ q: 'q_index', k: 'k_index', v: 'v_index', o: 'o_index' },
  ...{ gate: 'neurons', up: 'neurons', down: 'neurons' },
};

/**
 * Weights of a block that are inputs of a graph, named after their maps; those of norms have the
 * names that `normFeeds` gives them. Inputs are declared when they are first used.
 */
export function inputWeights(
  graph: GraphBuilder,
  block: Block,
  access: WeightAccess,
): SublayerWeights {
  const { hidden } = block;
  const norm = (name: NormName, x: Value): Value => {
    const one = normsOf(block)[name];
    if (one === null) return x;
    const width = name === 'qNorm' || name === 'kNorm' ? block.attention.headDim : hidden;
    return emitNorm(graph, one, x, width, NORM_INPUTS[name]);
  };
  const weightOf = (map: LinearName): Value => emitWeight(graph, access, map, hidden);
  const biasOf = (map: LinearName): Value | null =>
    mapOf(block, map)!.bias ? emitBias(graph, access, map, hidden) : null;
  const add = (stream: Value, update: Value): Value =>
    graph.op('Add', [stream, graph.op('Reshape', [update, graph.op('Shape', [stream])])]);
  return {
    norm,
    add,
    read: (kind, x) => graph.op('Reshape', [norm(`${kind}Norm`, x), graph.ints([-1, hidden])]),
    project: (map, x) => emitProjection(graph, x, weightOf(map), biasOf(map)),
    end: (map, z, stream) => {
      const update = emitUpdate(graph, z, weightOf(map), biasOf(map));
      return stream === null ? update : add(stream, update);
    },
  };
}

/**
 * Declares a weight [rows, width] as an input, gathered on the device if so asked.
 *
 * A gathered weight carries one extra zero row at its end, which padding indices point to.
 */
function emitWeight(
  graph: GraphBuilder,
  access: WeightAccess,
  map: LinearName,
  width: number,
): Value {
  const weight = graph.input(map, 'float32', [`${map}_rows`, width]);
  if (access === 'direct') return weight;
  return graph.op('Gather', [weight, emitIndex(graph, map)], { axis: 0n });
}

/**
 * Declares a bias as an input. That of a map that ends a sublayer belongs to the stream, [H]; another
 * is sliced like the rows of its weight, of which it is a column under `gathered`.
 */
function emitBias(
  graph: GraphBuilder,
  access: WeightAccess,
  map: LinearName,
  hidden: number,
): Value {
  const name = `${map}_bias`;
  if (isOutputMap(map)) return graph.input(name, 'float32', [hidden]);
  if (access === 'direct') return graph.input(name, 'float32', [`${name}_rows`]);
  const column = graph.input(name, 'float32', [`${name}_rows`, 1]);
  const kept = graph.op('Gather', [column, emitIndex(graph, map)], { axis: 0n });
  return graph.op('Reshape', [kept, graph.ints([-1])]);
}

function emitIndex(graph: GraphBuilder, map: LinearName): Value {
  const name = INDEX_INPUTS[map];
  return graph.input(name, 'int64', [`${name}_rows`]);
}

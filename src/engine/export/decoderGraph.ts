import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { eachBlock, type OnceWeights, type WeightSource } from '../checkpoint/weightSource.ts';
import { emitLogits } from '../graphs/headGraph.ts';
import { emitAttention, emitMlp } from '../graphs/sublayers.ts';
import { blockOf, readsOf } from '../model/block.ts';
import { embeddingWidthOf } from '../model/modelShape.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';
import { cachedHeads } from './decoderAttention.ts';
import { DecoderContext } from './decoderContext.ts';
import { DecoderWeights } from './decoderWeights.ts';
import { cacheWidths, headGroups } from './headGroups.ts';
import type { IntegerMaps } from './integerMap.ts';
import type { Storage } from './storage.ts';
import { WeightPlan } from './weightPlan.ts';

/** A decoder ready to be written: the model file's builder and the plan of its data file. */
export interface DecoderGraph {
  readonly graph: GraphBuilder;
  readonly plan: WeightPlan;
}

/**
 * Builds the ONNX decoder of a subnet, with a key/value cache and exact (unpadded) weights.
 *
 * Inputs: input_ids int64 [B, T]; past_{l}_key float32 [B, P, ΣqkDims] and past_{l}_value
 * [B, P, ΣvoDims] for every block l that keeps attention, P ≥ 0; all sequences of a batch have the
 * same length and none is padded. Outputs: logits [B, T, V], present_{l}_key and present_{l}_value
 * [B, P+T, …]. A learned-position model that keeps no attention at all has no cache to read the past
 * length from, so it takes `past_length` int64 [1] instead.
 *
 * A tied embedding is one initializer that both Gather and Gemm read.
 * @param weights  gives its blocks now, for the graph, and again when the data file is written
 * @param dataFile  name of the data file beside the model
 * @param storage  how weights are stored; the graph computes in float32
 * @param integers  the linear maps of the blocks, when they are stored as integers
 */
export async function decoderGraph(
  weights: WeightSource,
  subnet: Subnet,
  dataFile: string,
  storage: Storage,
  integers: IntegerMaps | null = null,
): Promise<DecoderGraph> {
  const { shape } = weights;
  const once = await weights.once();
  const graph = new GraphBuilder('decoder');
  const plan = new WeightPlan(graph, dataFile, storage);
  const ids = graph.input('input_ids', 'int64', ['batch', 'time']);
  const context = new DecoderContext(graph, plan, shape, ids);
  const stored = new DecoderWeights(graph, plan, { blocks: weights, once, integers });
  declareCaches(context, subnet);

  // Cast before anything reads it: a GPU without half precision cannot gather rows of a half table,
  // while the runtime casts a constant on the host when it loads the model.
  const embedding = stored.embedding();
  let x = emitEmbedding(context, stored, once, embedding, ids);
  for await (const [index, layer] of eachBlock(weights)) {
    x = emitBlock(context, stored, layer, { index, mask: subnet.layers[index]! }, x);
  }
  const { z } = emitLogits(graph, shape, x, {
    norm: (stream) => stored.finalNorm(stream),
    projectOut: (normed) => stored.between('projectOut', normed),
    head: () => (shape.tiedEmbeddings ? embedding : stored.head()),
  });
  const logits = graph.op('Reshape', [z, context.dims(shape.vocab)]);
  graph.output('logits', logits, 'float32', ['batch', 'time', shape.vocab]);
  return { graph, plan };
}

/** Emits a block with its cache, [N, H]. A norm behind a sublayer stays without the sublayer. */
function emitBlock(
  context: DecoderContext,
  stored: DecoderWeights,
  layer: LayerWeights,
  { index, mask }: { readonly index: number; readonly mask: LayerMask },
  entering: Value,
): Value {
  const { graph } = context;
  const { block } = layer;
  const groups = headGroups(block, mask);
  const weights = stored.block(layer, { index, mask, groups });
  let x = entering;
  if (groups.length > 0) {
    const layout = cachedHeads(context, { index, attention: block.attention, groups });
    x = emitAttention(graph, block, weights, layout, x).y;
  }
  x = weights.norm('attentionBehindNorm', x);
  const reads = readsOf('mlp', block, { states: x, entering });
  if (mask.mlp.length > 0) x = emitMlp(graph, block, weights, reads, x).y;
  return weights.norm('mlpBehindNorm', x);
}

/** Declares the caches in order, before any node, and reads the past length from the first. */
function declareCaches(context: DecoderContext, subnet: Subnet): void {
  subnet.layers.forEach((mask, l) => {
    const groups = headGroups(blockOf(context.shape, l), mask);
    if (groups.length === 0) return;
    const { key, value } = cacheWidths(groups);
    context.readPastFrom(context.past(l, 'key', key));
    context.past(l, 'value', value);
  });
}

/** Emits the residual stream before the first block, [N, H]. */
function emitEmbedding(
  context: DecoderContext,
  stored: DecoderWeights,
  { projectIn, positionTable }: OnceWeights,
  embedding: Value,
  ids: Value,
): Value {
  const { graph, shape } = context;
  let x = graph.op('Gather', [embedding, ids], { axis: 0n });
  const { embeddingScale = 1 } = shape;
  if (embeddingScale !== 1) x = graph.op('Mul', [x, graph.floats(embeddingScale)]);
  if (projectIn !== null) {
    const rows = graph.op('Reshape', [x, graph.ints([-1, embeddingWidthOf(shape)])]);
    x = graph.op('Reshape', [stored.between('projectIn', rows), context.dims(shape.hidden)]);
  }
  if (shape.positions.kind === 'learned' && positionTable !== null) {
    const places = graph.op('Add', [context.positions(), graph.ints(shape.positions.offset)]);
    const table = stored.positions(positionTable);
    x = graph.op('Add', [x, graph.op('Gather', [table, places], { axis: 0n })]);
  }
  return graph.op('Reshape', [x, graph.ints([-1, shape.hidden])]);
}

import { familyNamed } from '../checkpoint/families/registry.ts';
import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import { eachBlock, type OnceWeights, type WeightSource } from '../checkpoint/weightSource.ts';
import { tensorName } from '../checkpoint/tensorTable.ts';
import { emitActivation, emitCapped } from '../graphs/emit.ts';
import { sliceLinear } from '../graphs/keptRows.ts';
import { blockOf, finalNormOf, readsOf } from '../model/block.ts';
import { embeddingWidthOf } from '../model/modelShape.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import type { LayerMask, Subnet } from '../model/subnet.ts';
import { cacheWidths, emitAttention, headGroups } from './decoderAttention.ts';
import { DecoderContext, storedNorm } from './decoderContext.ts';
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
  const context = new DecoderContext(graph, plan, { ids, integers, blocks: weights });
  declareCaches(context, subnet);

  const family = familyNamed(shape.family);
  const table = [shape.vocab, embeddingWidthOf(shape)];
  const name = tensorName(family, 'embedding', null);
  // Cast before anything reads it: a GPU without half precision cannot gather rows of a half table,
  // while the runtime casts a constant on the host when it loads the model.
  const embedding = plan.add(name, table, () => once.embedding);
  let x = emitEmbedding(context, plan, once, embedding, ids);
  for await (const [l, layer] of eachBlock(weights)) {
    context.enter(layer);
    const mask = subnet.layers[l]!;
    const groups = headGroups(blockOf(shape, l), mask);
    const entering = x;
    // A norm behind a sublayer stays without the sublayer.
    if (groups.length > 0) x = emitAttention(context, l, layer, { mask, groups }, x);
    x = context.blockNorm('attentionBehindNorm', l, layer, x);
    const reads = readsOf('mlp', layer.block, { states: x, entering });
    if (mask.mlp.length > 0) x = emitMlp(context, l, { layer, mask }, reads, x);
    x = context.blockNorm('mlpBehindNorm', l, layer, x);
  }
  const final = storedNorm(finalNormOf(shape), once.finalNorm);
  const normed = context.norm('finalNorm', null, final, x);
  const h = context.between('projectOut', once, normed);
  const head = shape.tiedEmbeddings
    ? embedding
    : plan.add(tensorName(family, 'head', null), table, () => once.head);
  const product = graph.op('Gemm', [h, head], { transB: 1n });
  const logits = emitCapped(graph, product, shape.logitCap ?? null);
  const shaped = graph.op('Reshape', [logits, context.dims(shape.vocab)]);
  graph.output('logits', shaped, 'float32', ['batch', 'time', shape.vocab]);
  return { graph, plan };
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
  plan: WeightPlan,
  weights: OnceWeights,
  embedding: Value,
  ids: Value,
): Value {
  const { graph, shape } = context;
  let x = graph.op('Gather', [embedding, ids], { axis: 0n });
  const { embeddingScale = 1 } = shape;
  if (embeddingScale !== 1) x = graph.op('Mul', [x, graph.floats(embeddingScale)]);
  if (weights.projectIn !== null) {
    const rows = graph.op('Reshape', [x, graph.ints([-1, embeddingWidthOf(shape)])]);
    const stream = context.between('projectIn', weights, rows);
    x = graph.op('Reshape', [stream, context.dims(shape.hidden)]);
  }
  const { positionTable } = weights;
  if (shape.positions.kind === 'learned' && positionTable !== null) {
    const name = tensorName(familyNamed(shape.family), 'positionTable', null);
    const dims = [positionTable.length / shape.hidden, shape.hidden];
    const places = graph.op('Add', [context.positions(), graph.ints(shape.positions.offset)]);
    const table = plan.add(name, dims, () => positionTable);
    x = graph.op('Add', [x, graph.op('Gather', [table, places], { axis: 0n })]);
  }
  return graph.op('Reshape', [x, graph.ints([-1, shape.hidden])]);
}

/** Emits `stream + after(down(act(gate(norm x)) · up(norm x)))` of the kept neurons. */
function emitMlp(
  context: DecoderContext,
  index: number,
  { layer, mask }: { readonly layer: LayerWeights; readonly mask: LayerMask },
  x: Value,
  stream: Value,
): Value {
  const { graph, shape } = context;
  const kept = mask.mlp;
  const { activation, norms } = layer.block.mlp;
  const normed = context.blockNorm('mlpNorm', index, layer, x);
  const project = (slot: 'gate' | 'up'): Value =>
    context.projection(slot, index, kept.length, normed, (from) =>
      sliceLinear(slot, from[slot]!, shape.hidden, kept),
    );
  const inner =
    layer.gate === null
      ? emitActivation(graph, activation, project('up'))
      : graph.op('Mul', [emitActivation(graph, activation, project('gate')), project('up')]);
  return context.residual(
    'down',
    index,
    kept.length,
    stream,
    inner,
    (from) => sliceLinear('down', from.down, shape.hidden, kept),
    null,
    storedNorm(norms.after, layer.mlpAfterNorm),
  );
}

import { finalNormOf } from '../model/block.ts';
import { embeddingWidthOf, type ModelShape } from '../model/modelShape.ts';
import { GraphBuilder, type Value } from '../onnx/graphBuilder.ts';
import { emitCapped, emitNorm, emitProjection } from './emit.ts';

/** Numbers added one after the other: few enough that none is lost, many enough for vector code. */
const ROW = 256;

/**
 * The loss at every position, reduced inside the graph: no [N, V] logits leave it.
 *
 * Where logits are not capped, any cross-entropy against a distribution p needs the logits z = E·h
 * only through `Σ p_v z_v = (Σ p_v E_v)·h`, so the target is one row of E numbers: the embedding row
 * of the next token for the negative log-likelihood, the dense model's expected row for KL. Then
 * `loss = logsumexp(z) − target·h`, exact for both at the price of one head product. Under a cap the
 * logit of one token still is that of its own row, capped; KL needs {@link divergenceGraph}.
 *
 * Inputs: x [N, H] (residual stream), (norm_gain, norm_shift), (project_out [E, H]), head [V, E],
 * target [N, E].
 * Output: loss [N], nats, float32.
 */
export function lossGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('loss');
  const { h, z } = emitLogits(graph, shape, streamInput(graph, shape), headInputs(graph, shape));
  const target = graph.input('target', 'float32', ['tokens', embeddingWidthOf(shape)]);
  const sum = emitExpSum(graph, z, shape.vocab);
  const wanted = emitCapped(graph, emitDot(graph, target, h), shape.logitCap ?? null);
  // The likeliest logit and the target's cancel first: what is left is small and rounds finely.
  const behind = graph.op('Sub', [sum.most, wanted]);
  const loss = graph.op('Add', [behind, graph.op('Log', [sum.total])]);
  graph.output('loss', loss, 'float32', ['tokens']);
  return graph.build();
}

/**
 * What KL against a model needs from that model at every position.
 *
 * Inputs as {@link lossGraph} without target. Outputs: expected [N, E] = Σ p_v E_v and
 * negative_entropy [N] = Σ p_v log p_v, so that KL(p‖q) = negative_entropy + loss_q(expected).
 */
export function teacherGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('teacher');
  const weights = headInputs(graph, shape);
  const { h, z } = emitLogits(graph, shape, streamInput(graph, shape), weights);
  const sum = emitExpSum(graph, z, shape.vocab);
  // p = exp(z) / sum, divided where there are E numbers instead of V.
  const total = graph.op('Reshape', [sum.total, graph.ints([-1, 1])]);
  const expected = graph.op('Div', [graph.op('Gemm', [sum.exps, weights.head()]), total]);
  const ahead = graph.op('Sub', [emitDot(graph, expected, h), sum.most]);
  const entropy = graph.op('Sub', [ahead, graph.op('Log', [sum.total])]);
  graph.output('expected', expected, 'float32', ['tokens', embeddingWidthOf(shape)]);
  graph.output('negative_entropy', entropy, 'float32', ['tokens']);
  return graph.build();
}

/**
 * KL(dense ‖ subnet) at every position of a model that caps its logits: the expected logit is no
 * product with one row then, so both models' logits are computed.
 *
 * Inputs as {@link lossGraph}, target [N, H] being the dense model's residual stream.
 * Output: loss [N], nats, float32.
 */
export function divergenceGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('divergence');
  const weights = headInputs(graph, shape);
  const subnet = emitLogits(graph, shape, streamInput(graph, shape), weights);
  const target = graph.input('target', 'float32', ['tokens', shape.hidden]);
  const dense = emitLogits(graph, shape, target, weights);
  const [p, q] = [dense.z, subnet.z].map((z) => ({ z, ...emitExpSum(graph, z, shape.vocab) }));
  // Σ p (log p − log q) = Σ p ((z_p − most_p) − (z_q − most_q)) + log total_q − log total_p
  const shifted = ({ z, most }: ExpSum & { readonly z: Value }): Value =>
    graph.op('Sub', [z, graph.op('Reshape', [most, graph.ints([-1, 1])])]);
  const apart = graph.op('Mul', [p!.exps, graph.op('Sub', [shifted(p!), shifted(q!)])]);
  const mean = graph.op('Div', [emitSumOfRows(graph, apart, shape.vocab), p!.total]);
  const totals = graph.op('Log', [graph.op('Div', [q!.total, p!.total])]);
  graph.output('loss', graph.op('Add', [mean, totals]), 'float32', ['tokens']);
  return graph.build();
}

/** The logits themselves, [N, V]; for verification and generation only. */
export function logitsGraph(shape: ModelShape): Uint8Array {
  const graph = new GraphBuilder('logits');
  const x = streamInput(graph, shape);
  const { z } = emitLogits(graph, shape, x, headInputs(graph, shape));
  graph.output('logits', z, 'float32', ['tokens', shape.vocab]);
  return graph.build();
}

/** How a graph has the weights between the last block and the logits. */
export interface HeadWeights {
  /** Applies the final norm; x itself where there is none. */
  readonly norm: (x: Value) => Value;
  /** Maps the stream to the width of the head; x itself where it has that. */
  readonly projectOut: (x: Value) => Value;
  /** The head, [V, E]. */
  readonly head: () => Value;
}

/** What {@link emitLogits} makes. */
export interface Logits {
  /** What the head reads, [N, E]. */
  readonly h: Value;
  /** [N, V] */
  readonly z: Value;
}

/**
 * Emits the logits of a residual stream.
 * @param x  [N, H]
 */
export function emitLogits(
  graph: GraphBuilder,
  shape: ModelShape,
  x: Value,
  weights: HeadWeights,
): Logits {
  const h = weights.projectOut(weights.norm(x));
  const product = emitProjection(graph, h, weights.head(), null);
  return { h, z: emitCapped(graph, product, shape.logitCap ?? null) };
}

/** Weights that are inputs, declared when they are first used. */
function headInputs(graph: GraphBuilder, shape: ModelShape): HeadWeights {
  const { hidden, vocab } = shape;
  const width = embeddingWidthOf(shape);
  const norm = finalNormOf(shape);
  const input = (name: string, ...dims: readonly number[]): Value =>
    graph.input(name, 'float32', dims);
  return {
    norm: (x) => (norm === null ? x : emitNorm(graph, norm, x, hidden)),
    projectOut: (x) =>
      shape.embeddingWidth === undefined
        ? x
        : emitProjection(graph, x, input('project_out', width, hidden), null),
    head: () => input('head', vocab, width),
  };
}

/** Declares the residual stream, [N, H]. */
function streamInput(graph: GraphBuilder, { hidden }: ModelShape): Value {
  return graph.input('x', 'float32', ['tokens', hidden]);
}

function emitDot(graph: GraphBuilder, a: Value, b: Value): Value {
  return emitSum(graph, graph.op('Mul', [a, b]));
}

/** Σ exp(z − most) over the vocabulary, and what it is made of. */
interface ExpSum {
  /** Largest logit, [N]. */
  readonly most: Value;
  /** exp(z − most), [N, V]. */
  readonly exps: Value;
  /** Their sum, [N]; 1 to V. */
  readonly total: Value;
}

/**
 * Emits the sum of exponentials of every row of logits.
 *
 * Providers add float32 numbers one after the other: once a few likely tokens are in the sum, the
 * many unlikely ones fall below its last place and are lost (ReduceLogSumExp: 1.4e-4 nats at 49
 * thousand tokens, 1e-3 at 256 thousand). So rows of {@link ROW} are summed first, then the rows. This
 * also takes less than half the time of the CPU's ReduceLogSumExp, whose exp is a scalar one.
 */
function emitExpSum(graph: GraphBuilder, z: Value, vocab: number): ExpSum {
  const most = graph.op('ReduceMax', [z, graph.ints([-1])], { keepdims: 1n });
  const exps = graph.op('Exp', [graph.op('Sub', [z, most])]);
  return {
    most: graph.op('Reshape', [most, graph.ints([-1])]),
    exps,
    total: emitSumOfRows(graph, exps, vocab),
  };
}

function emitSumOfRows(graph: GraphBuilder, x: Value, width: number): Value {
  const rest = width % ROW;
  const whole = width - rest;
  if (whole === 0) return emitSum(graph, x);
  const cut = (from: number, to: number): Value =>
    graph.op('Slice', [x, graph.ints([from]), graph.ints([to]), graph.ints([1])]);
  const rows = graph.ints([-1, whole / ROW, ROW]);
  const folded = graph.op('Reshape', [rest === 0 ? x : cut(0, whole), rows]);
  const sum = emitSum(graph, emitSum(graph, folded));
  return rest === 0 ? sum : graph.op('Add', [sum, emitSum(graph, cut(whole, width))]);
}

/** Emits the sum over the last axis, which it removes. */
function emitSum(graph: GraphBuilder, x: Value): Value {
  return graph.op('ReduceSum', [x, graph.ints([-1])], { keepdims: 0n });
}

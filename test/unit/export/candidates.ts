import assert from 'node:assert/strict';
import { type Linear, ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import type { ExportOptions } from '../../../src/engine/export/exportOnnx.ts';
import type { SearchTimeModel } from '../../../src/engine/export/searchTimeLogits.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import type { Runtime } from '../../../src/engine/runtime/runtime.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { denseSubnet, type LayerMask, type Subnet } from '../../../src/engine/model/subnet.ts';
import { TINY_OPT_350M, type TinyOptions } from '../../fixtures/tinyModel.ts';

/** A grouped-query Llama of three blocks. */
export const LLAMA: TinyOptions = { layers: 3, heads: 6, kvHeads: 3, headDim: 8, hidden: 40 };
/** An OPT of three blocks. */
export const OPT: TinyOptions = { family: 'opt', layers: 3, heads: 4, hidden: 32 };
/** The same with norms behind the sublayers and a narrower embedding. */
export const OPT_350M: TinyOptions = { ...OPT, ...TINY_OPT_350M };
/** A GPT-2 of three blocks: q, k and v in one tensor, matrices with inputs first. */
export const GPT2: TinyOptions = { ...OPT, family: 'gpt2' };
/** A grouped-query Phi-3 of three blocks: q, k and v in one tensor, gate and up in another. */
export const PHI3: TinyOptions = { family: 'phi3', layers: 3, heads: 6, kvHeads: 3, hidden: 48 };

/** A GPT-NeoX of three parallel blocks: q, k and v by head in one tensor, heads rotated in part. */
export const NEOX: TinyOptions = { ...OPT, family: 'gpt_neox', tied: false };

/** Options of an export in float32. */
export const F32: ExportOptions = {
  dtype: 'F32',
  origin: { sourceFingerprint: 'f'.repeat(64), engineVersion: '0.0.0' },
};

/** The engine's forward pass of a model. */
export function searchTimeModel(runtime: Runtime, shape: ModelShape): SearchTimeModel {
  const forward = new ForwardPass(runtime, shape);
  return { forward, head: new LossHead(forward) };
}

/** Windows of random tokens. */
export function randomWindows(vocab: number, count: number, length: number): Uint32Array[] {
  return Array.from({ length: count }, (_, i) => {
    const rng = rngFor(i, 'window');
    return Uint32Array.from({ length }, () => rng.int(vocab));
  });
}

/** Largest absolute difference; NaN when any value is. */
export function difference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
}

/** A subnet that keeps everything but what `change` takes from single blocks. */
export function changed(
  shape: ModelShape,
  change: (mask: LayerMask, l: number) => LayerMask,
): Subnet {
  return { layers: denseSubnet(shape).layers.map(change) };
}

/** A head that keeps nothing. */
export const NO_HEAD = { qk: new Uint32Array(0), vo: new Uint32Array(0) };

/** A block's mask without attention. */
export function withoutAttention(mask: LayerMask): LayerMask {
  return { ...mask, heads: mask.heads.map(() => NO_HEAD) };
}

/** The model with other values in o and down (and their biases), as after a reformation. */
export function reformed(weights: ModelWeights): ModelWeights {
  const half = (data: Float32Array): Float32Array => data.map((value) => 0.5 * value + 0.01);
  const layers = weights.layers.map((layer) => ({
    ...layer,
    o: { weight: half(layer.o.weight), bias: layer.o.bias && half(layer.o.bias) },
    down: { weight: half(layer.down.weight), bias: layer.down.bias && half(layer.down.bias) },
  }));
  return new ModelWeights({ ...weights, layers });
}

/** The model with zeros in two of four neighbours of every map of its blocks. */
export function withZeros(weights: ModelWeights): ModelWeights {
  const sparse = (linear: Linear): Linear => ({
    ...linear,
    weight: linear.weight.map((value, i) => (i % 4 < 2 ? value : 0)),
  });
  const layers = weights.layers.map((layer) => ({
    ...layer,
    ...{ q: sparse(layer.q), k: sparse(layer.k), v: sparse(layer.v), o: sparse(layer.o) },
    ...{ up: sparse(layer.up), down: sparse(layer.down) },
    gate: layer.gate && sparse(layer.gate),
  }));
  return new ModelWeights({ ...weights, layers });
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { flapSubnet, fluctuationScores, standardised } from '../../src/engine/baselines/flap.ts';
import type { Fluctuation } from '../../src/engine/baselines/fluctuation.ts';
import { headSums } from '../../src/engine/baselines/wandaSp.ts';
import {
  type LayerWeights,
  type Linear,
  ModelWeights,
} from '../../src/engine/checkpoint/modelWeights.ts';
import { transpose } from '../../src/engine/checkpoint/transpose.ts';
import { type Matrix, matrixOf } from '../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { SolverGemm } from '../../src/engine/runtime/solverGemm.ts';
import { flagsInputsFirst } from '../../src/engine/sparsity/inputsFirst.ts';
import { inverseRoot } from '../../src/engine/sparsity/inverseRoot.ts';
import type { LinearName } from '../../src/engine/model/block.ts';
import { parsePattern } from '../../src/engine/sparsity/pattern.ts';
import { maskOf, scoreMap } from '../../src/engine/sparsity/scoreMap.ts';
import { sparseGptSweep } from '../../src/engine/sparsity/sparseGpt.ts';
import type { SublayerStatistics } from '../../src/engine/sparsity/sublayerStatistics.ts';
import { countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { gramOf, relativeDifference } from '../fixtures/randomMatrix.ts';
import { LLAMA_LIKE, randomLayer } from '../fixtures/randomLayer.ts';

/** What scripts/parity/make_sparsity_fixtures.py recorded. */
interface Fixture {
  readonly hidden: number;
  readonly intermediate: number;
  readonly damping: number;
  readonly x: string;
  readonly h: string;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
  readonly wanda: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dass: Fixture['wanda'];
  readonly sparsegpt: Readonly<Record<string, { readonly weight: string; readonly mask: string }>>;
  readonly flap: {
    readonly scores: string;
    readonly standardised: string;
    readonly heads: string;
    readonly removed: readonly number[];
    readonly bias: string;
  };
}

const url = new URL('./formulas/fixtures/sparsity.json', import.meta.url);
const fixture = JSON.parse(readFileSync(url, 'utf8')) as Fixture;
const { hidden, intermediate } = fixture;
const shape = { ...LLAMA_LIKE, hidden, intermediate, heads: 2, kvHeads: 2, headDim: 8 };
const h = singles(fixture.h);
const downWeight = transpose(singles(fixture.down), hidden, intermediate);
const layer: LayerWeights = {
  ...randomLayer(1, shape),
  gate: linear(singles(fixture.gate)),
  up: linear(singles(fixture.up)),
  down: linear(downWeight),
};
const statistics: SublayerStatistics = {
  tokens: h.length / intermediate,
  normed: { squares: squares(singles(fixture.x), hidden), gram: null },
  inner: { squares: squares(h, intermediate), gram: null },
  normedSets: [],
  sensitivity: null,
};

describe('sparsity, against recorded results of the published formulas', () => {
  const recorded = { wanda: fixture.wanda, dass: fixture.dass };
  for (const [rule, maps] of Object.entries(recorded)) {
    for (const [name, masks] of Object.entries(maps)) {
      it(`has the masks of ${rule} for ${name}, bit for bit`, () => {
        for (const [pattern, bits] of Object.entries(masks)) {
          const map = { block: 'block 0', name: name as LinearName, layer, shape, statistics };
          const scored = scoreMap(map, rule as 'wanda' | 'dass', 0.5);
          const mask = maskOf(scored, parsePattern(pattern));
          // Recorded as [out, in]; flags have their inputs first.
          const [outputs, inputs] =
            name === 'down' ? [hidden, intermediate] : [intermediate, hidden];
          const flags = flagsInputsFirst(name as LinearName, mask);
          const found = Array.from({ length: bits.length }, (_, i) =>
            String(flags[(i % inputs) * outputs + Math.floor(i / inputs)]),
          );
          assert.equal(found.join(''), bits, pattern);
        }
      });
    }
  }

  it('has the weights and masks of SparseGPT', async () => {
    const runtime = new Runtime('cpu', 2);
    after(() => runtime.release());
    const gemm = new SolverGemm(runtime);
    const inputs = matrixOf(Float64Array.from(h), h.length / intermediate, intermediate);
    const options = { damping: fixture.damping, what: 'down' };
    const root = await inverseRoot(gemm, gramOf(inputs), options);
    for (const [pattern, { weight, mask }] of Object.entries(fixture.sparsegpt)) {
      const start: Matrix = matrixOf(Float64Array.from(downWeight), intermediate, hidden);
      const swept = await sparseGptSweep(gemm, start, root, {
        ...{ pattern: parsePattern(pattern), what: 'down' },
      });
      const expected = doubles(weight);
      const found = expected.map(
        (_, i) => swept.weight.data[(i % intermediate) * hidden + Math.floor(i / intermediate)]!,
      );
      assert.ok(relativeDifference(found, expected) < 1e-9, pattern);
      const bits = Array.from(mask, (_, i) =>
        String(swept.flags[(i % intermediate) * hidden + Math.floor(i / intermediate)]),
      );
      assert.equal(bits.join(''), mask, pattern);
    }
  });

  it('has the scores and the compensation of FLAP', async () => {
    const fluctuation = fluctuationOf(h, intermediate);
    const scores = fluctuationScores(downWeight, fluctuation);
    assert.ok(relativeDifference(scores, doubles(fixture.flap.scores)) < 1e-6);
    const standard = standardised(scores);
    assert.ok(relativeDifference(standard, doubles(fixture.flap.standardised)) < 1e-6);
    const heads = headSums(standardised(scores.map((score) => score ** 2)), shape);
    const means = heads.map((sum) => (sum * 2) / intermediate);
    assert.ok(relativeDifference(means, doubles(fixture.flap.heads)) < 1e-6);

    // Attention that never fluctuates less than the MLP stays whole: only neurons go.
    const attention = { mean: new Float64Array(16), variance: new Float64Array(16) };
    const weights = new ModelWeights({
      ...{ shape, layers: [layer], embedding: new Float32Array(0), positionTable: null },
      ...{ projectIn: null, projectOut: null, finalNorm: layer.mlpNorm, head: new Float32Array(0) },
    });
    const { block } = countParameters(shape, denseSubnet(shape));
    // A quarter of the neurons; both output biases are new and count.
    const budget = block - (intermediate / 4) * 3 * hidden + 2 * hidden;
    const made = await flapSubnet(weights, [{ attention, mlp: fluctuation }], budget);
    const kept = new Set(made.subnet.layers[0]!.mlp);
    assert.deepEqual(
      Array.from({ length: intermediate }, (_, i) => i).filter((i) => !kept.has(i)),
      fixture.flap.removed,
    );
    const bias = Float64Array.from((await made.weights.block(0)).down.bias!);
    assert.ok(relativeDifference(bias, doubles(fixture.flap.bias)) < 1e-6);
  });
});

function linear(weight: Float32Array): Linear {
  return { weight, bias: null };
}

function bytesOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64')).buffer;
}

function singles(text: string): Float32Array {
  return new Float32Array(bytesOf(text));
}

function doubles(text: string): Float64Array {
  return new Float64Array(bytesOf(text));
}

function squares(x: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  x.forEach((value, at) => (sums[at % width]! += value ** 2));
  return sums;
}

function fluctuationOf(x: Float32Array, width: number): Fluctuation {
  const tokens = x.length / width;
  const mean = new Float64Array(width);
  x.forEach((value, at) => (mean[at % width]! += value / tokens));
  const variance = new Float64Array(width);
  x.forEach((value, at) => {
    variance[at % width]! += (value - mean[at % width]!) ** 2 / (tokens - 1);
  });
  return { mean, variance };
}

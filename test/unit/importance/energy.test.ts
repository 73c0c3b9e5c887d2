import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { LayerStatistics } from '../../../src/engine/calibration/statistics.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import type { LayerWeights, Linear } from '../../../src/engine/checkpoint/modelWeights.ts';
import { energyScores } from '../../../src/engine/importance/energy.ts';
import type { Matrix } from '../../../src/engine/numeric/matrix.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { LLAMA_LIKE, OPT_LIKE, randomLayer, statisticsOf } from '../../fixtures/randomLayer.ts';
import { correlatedInputs, relativeDifference } from '../../fixtures/randomMatrix.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

const TOKENS = 60;

/** Mean over tokens of the square of every output of a map, by running it token by token. */
function meanSquares({ weight, bias }: Linear, x: Matrix): number[] {
  const rows = weight.length / x.columns;
  return Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let t = 0; t < x.rows; t++) {
      let y = bias?.[row] ?? 0;
      for (let c = 0; c < x.columns; c++) {
        y += weight[row * x.columns + c]! * x.data[t * x.columns + c]!;
      }
      sum += y * y;
    }
    return sum / x.rows;
  });
}

/** Mean over tokens of the energy that each input adds to the output, token by token. */
function addedEnergies({ weight }: Linear, z: Matrix): number[] {
  const hidden = weight.length / z.columns;
  return Array.from({ length: z.columns }, (_, j) => {
    let sum = 0;
    for (let t = 0; t < z.rows; t++) {
      for (let c = 0; c < hidden; c++) {
        sum += (z.data[t * z.columns + j]! * weight[j * hidden + c]!) ** 2;
      }
    }
    return sum / z.rows;
  });
}

function shares(values: number[][]): Float64Array[] {
  const total = values.flat().reduce((sum, value) => sum + value, 0);
  return values.map((part) => Float64Array.from(part, (value) => value / total));
}

function expectedScores(
  shape: ModelShape,
  weights: LayerWeights,
  inputs: Record<keyof LayerStatistics, Matrix>,
) {
  const { headDim: d, heads, kvHeads } = shape;
  const group = heads / kvHeads;
  const q = meanSquares(weights.q, inputs.attentionInput);
  const k = meanSquares(weights.k, inputs.attentionInput);
  const o = addedEnergies(weights.o, inputs.context);
  const rope = shape.positions.kind === 'rope';
  const qk = Array.from({ length: kvHeads }, (_, head) =>
    Array.from({ length: rope ? d / 2 : d }, (_, unit) => {
      const dims = rope ? [unit, unit + d / 2] : [unit];
      let score = 0;
      for (let member = 0; member < group; member++) {
        const queries = dims.map((dim) => q[(head * group + member) * d + dim]!);
        const keys = dims.map((dim) => k[head * d + dim]!);
        score += queries.reduce((a, b) => a + b) * keys.reduce((a, b) => a + b);
      }
      return score;
    }),
  );
  const vo = Array.from({ length: kvHeads }, (_, head) =>
    Array.from({ length: d }, (_, dim) => {
      let score = 0;
      for (let member = 0; member < group; member++) score += o[(head * group + member) * d + dim]!;
      return score;
    }),
  );
  return {
    qk: shares(qk),
    vo: shares(vo),
    mlp: shares([addedEnergies(weights.down, inputs.hidden)]),
  };
}

for (const shape of [LLAMA_LIKE, OPT_LIKE]) {
  test(`energies of a ${shape.family} block equal those measured token by token`, async () => {
    const weights = randomLayer(1, shape);
    const inputs = {
      attentionInput: correlatedInputs(1, TOKENS, shape.hidden),
      context: correlatedInputs(2, TOKENS, shape.heads * shape.headDim),
      mlpInput: correlatedInputs(3, TOKENS, shape.hidden),
      hidden: correlatedInputs(4, TOKENS, shape.intermediate),
    };
    const statistics = Object.fromEntries(
      Object.entries(inputs).map(([name, x]) => [name, statisticsOf(x)]),
    ) as unknown as LayerStatistics;
    const actual = await energyScores(weights, statistics, solver);
    const expected = expectedScores(shape, weights, inputs);
    for (let head = 0; head < shape.kvHeads; head++) {
      assert.ok(relativeDifference(actual.qk[head]!, expected.qk[head]!) < 1e-9);
      assert.ok(relativeDifference(actual.vo[head]!, expected.vo[head]!) < 1e-9);
    }
    assert.ok(relativeDifference(actual.mlp, expected.mlp[0]!) < 1e-9);
  });
}

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { inverse, Matrix as Oracle } from 'ml-matrix';
import type {
  InputStatistics,
  LayerStatistics,
} from '../../../src/engine/calibration/statistics.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import type { LayerWeights, Linear } from '../../../src/engine/checkpoint/modelWeights.ts';
import {
  needsStatistics,
  scoreLayer,
  type ScoreOptions,
} from '../../../src/engine/importance/scoreLayer.ts';
import { blockOf } from '../../../src/engine/model/block.ts';
import { tiedScores } from '../../../src/engine/subnet/select.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { LLAMA_LIKE, OPT_LIKE, randomLayer, randomStatistics } from '../../fixtures/randomLayer.ts';
import { relativeDifference } from '../../fixtures/randomMatrix.ts';

const solver = new Solver(new Runtime('cpu', 2));
after(() => solver.release());

type LinearScore = 'obs' | 'wanda' | 'magnitude';

/** Element scores of one map, [row][column], rows prunable-first as stored. */
type ElementScore = (weight: number, inputEnergy: number, inverseDiagonal: number) => number;

const elements: Record<LinearScore, ElementScore> = {
  obs: (w, _energy, inverseDiagonal) => w ** 2 / inverseDiagonal,
  wanda: (w, energy) => Math.abs(w) * Math.sqrt(energy),
  magnitude: (w) => w ** 2,
};

/** [(2XXᵀ + damping · mean diagonal · I)⁻¹]_jj by an explicit inverse. */
function explicitInverseDiagonal({ gram, width }: InputStatistics, damping: number): number[] {
  const doubled = Oracle.from1DArray(width, width, gram).mul(2);
  return inverse(
    doubled.add(Oracle.eye(width).mul((damping * doubled.trace()) / width)),
  ).diagonal();
}

/**
 * The obvious scorer: walks every weight of every matrix once and adds its element score to the
 * unit that weight belongs to, given by its matrix, row and the shape.
 */
function obviousScores(
  shape: ModelShape,
  weights: LayerWeights,
  statistics: LayerStatistics,
  options: ScoreOptions,
): { qk: number[][]; vo: number[][]; mlp: number[] } {
  const { headDim, hidden, kvHeads, heads } = shape;
  const pairs = shape.positions.kind === 'rope' ? headDim / 2 : headDim;
  const grid = (columns: number): number[][] =>
    Array.from({ length: kvHeads }, () => new Array<number>(columns).fill(0));
  const units = {
    qk: grid(pairs),
    vo: grid(headDim),
    mlp: new Array<number>(shape.intermediate).fill(0),
  };
  const each = (
    linear: Linear,
    input: InputStatistics,
    rowIsInput: boolean,
    add: (row: number, score: number) => void,
  ): void => {
    const diagonal = explicitInverseDiagonal(input, options.damping);
    linear.weight.forEach((w, at) => {
      const row = Math.floor(at / hidden);
      const j = rowIsInput ? row : at % hidden;
      add(
        row,
        elements[options.score as LinearScore](w, input.gram[j * input.width + j]!, diagonal[j]!),
      );
    });
  };
  const queryHeads = (table: number[][], period: number) => (row: number, score: number) =>
    (table[Math.floor(row / headDim / (heads / kvHeads))]![(row % headDim) % period]! += score);
  const keyHeads = (table: number[][], period: number) => (row: number, score: number) =>
    (table[Math.floor(row / headDim)]![(row % headDim) % period]! += score);
  const neurons = (row: number, score: number): number => (units.mlp[row]! += score);
  each(weights.q, statistics.attentionInput, false, queryHeads(units.qk, pairs));
  each(weights.k, statistics.attentionInput, false, keyHeads(units.qk, pairs));
  each(weights.v, statistics.attentionInput, false, keyHeads(units.vo, headDim));
  each(weights.o, statistics.context, true, queryHeads(units.vo, headDim));
  if (weights.gate !== null) each(weights.gate, statistics.mlpInput, false, neurons);
  each(weights.up, statistics.mlpInput, false, neurons);
  each(weights.down, statistics.hidden, true, neurons);
  return units;
}

for (const shape of [LLAMA_LIKE, OPT_LIKE]) {
  const weights = randomLayer(1, shape);
  const statistics = randomStatistics(2, shape, 200);
  const layer = { name: 'block 0', shape, weights, statistics };

  for (const score of ['obs', 'wanda', 'magnitude'] as const) {
    test(`${score} scores of a ${shape.family} block equal a walk over every weight`, async () => {
      const options: ScoreOptions = { score, damping: 0.01, scale: 'raw' };
      const actual = await scoreLayer(layer, options, solver);
      const expected = obviousScores(shape, weights, statistics, options);
      assert.equal(actual.qk.length, shape.kvHeads);
      for (const [head, scores] of actual.qk.entries()) {
        assert.ok(relativeDifference(scores, Float64Array.from(expected.qk[head]!)) < 1e-9);
        const vo = Float64Array.from(expected.vo[head]!);
        assert.ok(relativeDifference(actual.vo[head]!, vo) < 1e-9);
      }
      assert.ok(relativeDifference(actual.mlp, Float64Array.from(expected.mlp)) < 1e-9);
    });
  }

  test(`"share" makes every matrix of a ${shape.family} block weigh the same`, async () => {
    const options: ScoreOptions = { score: 'obs', damping: 0.01, scale: 'share' };
    const before = await scoreLayer(layer, options, solver);
    const up = { ...weights.up, weight: weights.up.weight.map((w) => w * 32) };
    const o = { ...weights.o, weight: weights.o.weight.map((w) => w * 0.125) };
    const scaled = { ...layer, weights: { ...weights, up, o } };
    assert.deepEqual(await scoreLayer(scaled, options, solver), before);
    const total = before.mlp.reduce((sum, value) => sum + value, 0);
    assert.ok(Math.abs(total - (shape.mlp.gated ? 3 : 2)) < 1e-12);
  });
}

test('a tied RoPE unit adds both value dimensions of its pair', () => {
  const qk = [Float64Array.of(1, 2, 3), Float64Array.of(4, 5, 6)];
  const vo = [Float64Array.of(10, 20, 30, 40, 50, 60), Float64Array.of(1, 1, 1, 1, 1, 1)];
  const scores = { qk, vo, mlp: new Float64Array(0) };
  const tied = [0, 1].map((head) => tiedScores(blockOf(LLAMA_LIKE, 0).attention, scores, head));
  assert.deepEqual(tied, [Float64Array.of(51, 72, 93), Float64Array.of(6, 7, 8)]);
});

test('a tied unit without RoPE adds the one value dimension of its index', () => {
  const qk = [Float64Array.of(1, 2, 3, 4, 5)];
  const vo = [Float64Array.of(10, 20, 30, 40, 50)];
  const scores = { qk, vo, mlp: new Float64Array(0) };
  const tied = tiedScores(blockOf(OPT_LIKE, 0).attention, scores, 0);
  assert.deepEqual(tied, Float64Array.of(11, 22, 33, 44, 55));
});

test('a dead input counts as weight zero', async () => {
  const weights = randomLayer(1, LLAMA_LIKE);
  const statistics = randomStatistics(2, LLAMA_LIKE, 200);
  const dead = 3;
  for (const { gram, width } of [statistics.attentionInput, statistics.hidden]) {
    for (let i = 0; i < width; i++) gram[i * width + dead] = gram[dead * width + i] = 0;
  }
  const layer = { name: 'block 0', shape: LLAMA_LIKE, weights, statistics };
  const options: ScoreOptions = { score: 'obs', damping: 0.01, scale: 'raw' };
  const before = await scoreLayer(layer, options, solver);
  // Whatever the weights on the dead input are, nothing changes; the dead row of down adds nothing.
  const q = { ...weights.q, weight: weights.q.weight.map((w, at) => (at % 10 === dead ? 1e6 : w)) };
  const down = {
    ...weights.down,
    weight: weights.down.weight.map((w, at) => (Math.floor(at / 10) === dead ? 1e6 : w)),
  };
  const changed = { ...layer, weights: { ...weights, q, down } };
  assert.deepEqual(await scoreLayer(changed, options, solver), before);
  assert.ok([...before.qk, ...before.vo, before.mlp].every((s) => s.every(Number.isFinite)));
});

test('inputs that are all dead score nothing instead of failing', async () => {
  const weights = randomLayer(1, OPT_LIKE);
  const statistics = randomStatistics(2, OPT_LIKE, 50);
  statistics.hidden.gram.fill(0);
  statistics.mlpInput.gram.fill(0);
  const layer = { name: 'block 0', shape: OPT_LIKE, weights, statistics };
  const scores = await scoreLayer(layer, { score: 'obs', damping: 0.01, scale: 'share' }, solver);
  assert.deepEqual(scores.mlp, new Float64Array(OPT_LIKE.intermediate));
});

test('only magnitude works without statistics', async () => {
  const weights = randomLayer(1, OPT_LIKE);
  const layer = { name: 'block 7', shape: OPT_LIKE, weights, statistics: null };
  for (const score of ['energy', 'obs', 'wanda', 'magnitude'] as const) {
    const scored = scoreLayer(layer, { score, damping: 0.01, scale: 'raw' }, solver);
    if (needsStatistics(score)) {
      await assert.rejects(
        scored,
        (error) => isEngineError(error, 'shape') && error.problem.what.startsWith('block 7'),
      );
    } else {
      assert.equal((await scored).mlp.length, OPT_LIKE.intermediate);
    }
  }
});

test('statistics of another model are refused', async () => {
  const layer = {
    name: 'block 0',
    shape: LLAMA_LIKE,
    weights: randomLayer(1, LLAMA_LIKE),
    statistics: randomStatistics(2, OPT_LIKE, 50),
  };
  await assert.rejects(
    scoreLayer(layer, { score: 'wanda', damping: 0.01, scale: 'raw' }, solver),
    (error) => isEngineError(error, 'shape'),
  );
});

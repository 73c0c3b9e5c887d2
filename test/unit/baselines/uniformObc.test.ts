import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { uniformObcSubnet } from '../../../src/engine/baselines/uniformObc.ts';
import { collectStatistics } from '../../../src/engine/calibration/collect.ts';
import type { LayerStatistics } from '../../../src/engine/calibration/statistics.ts';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { blockOf } from '../../../src/engine/model/block.ts';
import { blockBudget } from '../../../src/engine/model/cost.ts';
import { rowsOf } from '../../../src/engine/model/rows.ts';
import { complementOf, gatherRows, subMatrix } from '../../../src/engine/numeric/gather.ts';
import { matrixOf } from '../../../src/engine/numeric/matrix.ts';
import { meanDiagonal } from '../../../src/engine/numeric/symmetric.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { assertLegal } from '../../../src/engine/subnet/legal.ts';
import { relativeDifference } from '../../fixtures/randomMatrix.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const DAMPING = 0.01;

for (const family of ['llama', 'gpt_neox'] as const) {
  describe(`uniform OBC of ${family}`, () => {
    const weights = tinyWeights({ family, layers: 2, heads: 4 });
    const { shape } = weights;
    const forward = new ForwardPass(runtime, shape);
    const rng = rngFor(3, 'windows');
    const batches = [
      Array.from({ length: 4 }, () => Uint32Array.from({ length: 24 }, () => rng.int(shape.vocab))),
    ];
    const made = uniformObcSubnet({
      ...{ forward, solver, weights, batches, damping: DAMPING },
      budget: blockBudget(shape, 0.6),
    });

    it('keeps the same share of every head and MLP, but for what the budget leaves over', async () => {
      const { subnet } = await made;
      assertLegal(shape, subnet);
      for (const { heads, mlp } of subnet.layers) {
        for (const { qk, vo } of heads) {
          assert.ok(Math.abs(vo.length - 0.6 * shape.headDim) < 1.5, `${vo.length} values`);
          assert.ok(qk.length > 0);
        }
        assert.ok(Math.abs(mlp.length / shape.intermediate - 0.6) < 0.1, `${mlp.length} neurons`);
      }
    });

    it('updates o and down to the damped optimum on what is kept', async () => {
      const { subnet, weights: narrow } = await made;
      const statistics: LayerStatistics[] = [];
      await collectStatistics(forward, weights, batches, (layer) => {
        statistics.push(layer.statistics);
      });
      for (const [l, mask] of subnet.layers.entries()) {
        const [before, found] = [await weights.block(l), await narrow.block(l)];
        for (const [map, input] of [
          ['o', statistics[l]!.context],
          ['down', statistics[l]!.hidden],
        ] as const) {
          const kept = rowsOf(blockOf(shape, l), map, mask);
          const gone = complementOf(kept, input.width);
          const gram = matrixOf(input.gram, input.width, input.width);
          const old = before[map].weight;
          // W_K + (G_KK + λI)⁻¹ · G_KR · W_R, which no step of the sweep computes.
          const rhs = await solver.multiply(
            subMatrix(gram, kept, gone),
            gatherRows(old, shape.hidden, gone),
          );
          const change = await solver.solve(subMatrix(gram, kept, kept), rhs, {
            ridge: DAMPING * meanDiagonal(gram),
            what: map,
          });
          const expected = gatherRows(old, shape.hidden, kept).data.map(
            (value, i) => value + change.data[i]!,
          );
          const updated = gatherRows(found[map].weight, shape.hidden, kept).data;
          assert.ok(relativeDifference(updated, expected) < 1e-5, `block ${l}, ${map}`);
        }
      }
    });
  });
}

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Matrix as Oracle } from 'ml-matrix';
import { rotateValues } from '../../../src/engine/levels/valueBasis.ts';
import type { LayerWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { queryHeadsOf } from '../../../src/engine/model/rows.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { LLAMA_LIKE, OPT_LIKE, randomLayer, statisticsOf } from '../../fixtures/randomLayer.ts';
import { correlatedInputs, relativeDifference, toOracle } from '../../fixtures/randomMatrix.ts';

const runtime = new Runtime('cpu', 2);
const solver = new Solver(runtime);
after(() => runtime.release());

const shapes = { 'grouped heads': LLAMA_LIKE, 'heads with biases': OPT_LIKE };

function rowsOf(data: Float32Array, from: number, count: number, columns: number): Oracle {
  return Oracle.from1DArray(count, columns, data.slice(from * columns, (from + count) * columns));
}

/** What a query head makes of the values of its group: Oₕ·V, and Oₕ·b of the bias, [H, H + 1]. */
function valueMap(layer: LayerWeights, query: number, head: number): Float64Array {
  const { headDim, kvHeads } = layer.block.attention;
  const { hidden } = layer.block;
  const bias = layer.v.bias ?? new Float32Array(kvHeads * headDim);
  const v = rowsOf(layer.v.weight, head * headDim, headDim, hidden);
  v.addColumn(hidden, [...bias.slice(head * headDim, (head + 1) * headDim)]);
  const o = rowsOf(layer.o.weight, query * headDim, headDim, hidden);
  return Float64Array.from(o.transpose().mmul(v).to1DArray());
}

for (const [name, shape] of Object.entries(shapes)) {
  const layer = randomLayer(11, shape);
  const { attention } = layer.block;
  const context = statisticsOf(correlatedInputs(5, 90, attention.heads * attention.headDim));

  test(`computes what it did in the other basis: ${name}`, async () => {
    const { layer: rotated } = await rotateValues(layer, context, solver);
    assert.notDeepEqual(rotated.v.weight, layer.v.weight);
    assert.equal(rotated.o.bias, layer.o.bias);
    for (let head = 0; head < attention.kvHeads; head++) {
      for (const query of queryHeadsOf(attention, head)) {
        const [now, before] = [valueMap(rotated, query, head), valueMap(layer, query, head)];
        assert.ok(relativeDifference(now, before) < 1e-5, `query head ${query}`);
      }
    }
  });

  test(`gives the moments of o's inputs in that basis: ${name}`, async () => {
    const { layer: rotated, context: gram } = await rotateValues(layer, context, solver);
    // The output's energy is the same in every basis.
    const energyOf = (o: Float32Array, data: Float64Array): number => {
      const weight = Oracle.from1DArray(context.width, layer.block.hidden, o);
      const moments = Oracle.from1DArray(context.width, context.width, data);
      return weight.transpose().mmul(moments).mmul(weight).trace();
    };
    const before = energyOf(layer.o.weight, context.gram);
    const now = energyOf(rotated.o.weight, gram.data);
    assert.ok(Math.abs(now / before - 1) < 1e-5, `${now} ${before}`);
    const turned = toOracle(gram);
    assert.ok(turned.sub(turned.transpose()).norm() < 1e-9 * toOracle(gram).norm());
  });

  test(`its first dimensions of a head lose less than any choice of the old ones: ${name}`, async () => {
    const { headDim } = attention;
    const { layer: rotated, context: gram } = await rotateValues(layer, context, solver);
    const queries = queryHeadsOf(attention, 0);
    // With the moments that the query heads share, which is what the basis is made for.
    const lost = (o: Float32Array, moments: Oracle, removed: number[]): number => {
      const shared = Oracle.zeros(headDim, headDim);
      for (const query of queries) {
        const at = query * headDim;
        shared.add(moments.subMatrix(at, at + headDim - 1, at, at + headDim - 1));
      }
      return queries.reduce((sum, query) => {
        const own = rowsOf(o, query * headDim, headDim, layer.block.hidden).subMatrixRow(removed);
        const part = shared.subMatrixRow(removed).subMatrixColumn(removed);
        return sum + own.transpose().mmul(part).mmul(own).trace();
      }, 0);
    };
    const last = Array.from({ length: headDim - 2 }, (_, i) => i + 2);
    const best = lost(rotated.o.weight, toOracle(gram), last);
    const old = Oracle.from1DArray(context.width, context.width, context.gram);
    for (let a = 0; a < headDim; a++) {
      for (let b = 0; b < a; b++) {
        const removed = Array.from({ length: headDim }, (_, i) => i).filter(
          (i) => i !== a && i !== b,
        );
        assert.ok(best <= lost(layer.o.weight, old, removed) * (1 + 1e-2), `${a}, ${b}`);
      }
    }
  });
}

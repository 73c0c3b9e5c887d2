import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ForwardPass } from '../../../src/engine/graphs/forwardPass.ts';
import { LossHead } from '../../../src/engine/graphs/lossHead.ts';
import { type FitTarget, type MapFit, reform } from '../../../src/engine/reformation/reform.ts';
import { leastSquaresRefit } from '../../../src/engine/reformation/refit.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { Solver } from '../../../src/engine/runtime/solver.ts';
import { calibration, pruned } from '../../fixtures/reformCase.ts';
import { tinyWeights } from '../../fixtures/tinyModel.ts';

const llama = tinyWeights({ layers: 3 });
const runtime = new Runtime('cpu', 2);
after(() => runtime.release());

/** How the maps of a pruned model are refitted to one target. */
async function fitsTo(target: FitTarget): Promise<MapFit[]> {
  const forward = new ForwardPass(runtime, llama.shape);
  const fits: MapFit[] = [];
  await reform({
    ...{ forward, head: new LossHead(forward), dense: llama, weights: llama, target },
    ...{ subnet: pruned(llama, 1 / 2), seed: 1, loss: 'kl' },
    // Of little text, what is fitted does not all hold elsewhere.
    batches: calibration(llama).slice(0, 3),
    refit: leastSquaresRefit(new Solver(runtime), [1e-2]),
    onFit: (fit) => fits.push(fit),
  });
  return fits;
}

test('the target auto takes of each map the share of repair that held-back tokens like best', async () => {
  const [auto, dense] = [await fitsTo('auto'), await fitsTo('dense')];
  for (const { share } of auto) assert.ok([0, 0.5, 1].includes(share), `${share}`);
  assert.ok(dense.every(({ share }) => share === 1));
  // Up to the first map, both have seen the same streams.
  assert.ok(auto[0]!.errorAfter <= dense[0]!.errorAfter);
  assert.ok(auto.some(({ share }) => share < 1));
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { planOf } from '../../../src/dashboard/model/runPlan.ts';
import { estimateStages } from '../../../src/engine/pipeline/estimateStages.ts';
import { placeWeights } from '../../../src/engine/pipeline/weightPlace.ts';
import { resolveConfig } from '../../../src/engine/runs/resolveConfig.ts';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyShape } from '../../fixtures/tinyModel.ts';

const configs: readonly (readonly [name: string, fields: Readonly<Record<string, unknown>>])[] = [
  ['a search', { ratio: 0.7 }],
  ['no search', { ratio: 0.7, search: { enabled: false } }],
  ['no reform', { ratio: 0.7, reform: { method: 'none' } }],
  ['zeros after a search', { ratio: 0.7, sparsify: { method: 'wanda' } }],
  ['zeros alone', { ratio: 1, sparsify: { method: 'wanda' } }],
];

for (const [name, fields] of configs) {
  it(`plans the stages that the engine estimates: ${name}`, () => {
    const text = JSON.stringify({ model: './m', text: './t.txt', ...fields });
    const config = resolveConfig(parseRunConfig(text, '/c.subnet.jsonc'), '/c.subnet.jsonc');
    const counts = { calibration: [1, 8], search: [1, 8], heldout: [1, 8] } as const;
    const estimated = estimateStages({
      ...{ shape: tinyShape(), config, checkpointBytes: 1, rate: 1, cpuRate: 1 },
      place: placeWeights(tinyShape(), Infinity),
      counts: { ...counts, exact: true, textBytes: 1 },
    });
    const plan = planOf({ ...config });
    assert.deepEqual(
      plan.stages,
      estimated.map(({ stage }) => stage),
    );
    assert.equal(plan.searches, plan.stages.includes('search'));
    assert.equal(plan.findsSubnet, plan.stages.includes('score'));
  });
}

it('takes a config that says nothing for a search with a reform', () => {
  assert.deepEqual(planOf({}).stages, [
    ...['import', 'calibrate', 'score', 'search', 'reform', 'evaluate', 'export'],
  ]);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sparsityOf } from '../../../src/engine/pipeline/sparsityPlan.ts';
import { fillDefaults } from '../../../src/protocol/configDefaults.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import type { RunConfig } from '../../../src/protocol/runConfig.ts';
import { tinyShape } from '../../fixtures/tinyModel.ts';

function planOf(sparsify: NonNullable<RunConfig['sparsify']>) {
  const config = fillDefaults({ model: 'm', ratio: 1, text: 't', sparsify });
  return sparsityOf(config, tinyShape());
}

it('takes the masks of Wanda for ours when groups are to lie along the inputs', () => {
  assert.equal(planOf({ method: 'ours' })?.method.rule, 'dass');
  const plan = planOf({ method: 'ours', groups: 'inputs' });
  assert.equal(plan?.method.rule, 'wanda');
  assert.ok(plan.method.refit !== null, 'the best weights on them all the same');
});

it('refuses DaSS along the inputs, where it would be Wanda', () => {
  assert.throws(
    () => planOf({ method: 'dass', groups: 'inputs' }),
    (error) => isEngineError(error, 'config') && error.message.includes('sparsify.groups'),
  );
});

it('plans nothing without a method', () => {
  assert.equal(planOf({ groups: 'inputs' }), null);
});

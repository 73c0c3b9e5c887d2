import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReformVerdict } from '../../../src/protocol/reformVerdict.ts';
import { verdictText } from '../../../src/protocol/verdictText.ts';

const whole: ReformVerdict = {
  step: 1,
  maps: { all: 16, accepted: 14 },
  tokens: 255,
  loss: { before: Math.log(3), after: Math.log(2.9) },
  distance: { before: 0.0126, after: 0.0105 },
};
const FOUND =
  'perplexity from 3.0000 to 2.9000, distance to the dense model (KL divergence) from 0.0126 to 0.0105';

test('an accepted reform says how many weight matrices changed and what that gains', () => {
  assert.equal(
    verdictText('reform', whole),
    `Reform accepted, 14 of 16 weight matrices: on 255 tokens that were not fitted, ${FOUND}.`,
  );
  assert.equal(
    verdictText('sparsify', { ...whole, step: 0.25 }),
    `Reform of the sparse weights accepted with 25% of its change, 14 of 16 weight matrices: on 255 tokens that were not fitted, ${FOUND}.`,
  );
});

test('a rejected reform says why', () => {
  assert.equal(
    verdictText('reform', { ...whole, step: 0 }),
    `Reform rejected: no certain gain on 255 tokens that were not fitted (${FOUND}). The weights stay as they were.`,
  );
  assert.equal(
    verdictText('sparsify', { ...whole, step: 0, maps: { all: 16, accepted: 0 } }),
    'Reform of the sparse weights rejected: none of 16 weight matrices improved on held-back text. The weights stay as they were.',
  );
});

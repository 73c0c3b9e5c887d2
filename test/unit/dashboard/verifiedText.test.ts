import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifiedText } from '../../../src/dashboard/model/verifiedText.ts';

const found = {
  ...{ maxDifference: 8e-5, tolerance: 8e-3, largestLogit: 40, klNats: 8.44e-12 },
  ...{ klTolerance: 1.28e-6, lossDifferenceNats: 0, lossTolerance: 1.6e-3, tokens: 96 },
};

test('a verified export is told with its figures and what is allowed', () => {
  assert.deepEqual(verifiedText({ ...found, rounding: null, activations: null }), [
    'Verified when written, on 96 tokens: logits differ by 2e-6 of the largest (2e-4 allowed), KL divergence 8.4e-12 nats (1.3e-6 allowed).',
  ]);
  const rounding = { klNats: 0.4616, lossDifferenceNats: 0.2 };
  const activations = { klNats: 0.00322, lossDifferenceNats: 0.02, limitNats: 0.25 };
  assert.deepEqual(verifiedText({ ...found, rounding, activations }).slice(1), [
    'Rounding the weights costs a KL divergence of 0.46 nats.',
    'Rounding activations costs 3.2e-3 nats (0.25 allowed).',
  ]);
});

test('a report of an older version is told without a tolerance that says nothing', () => {
  const old = { maxDifference: 4.8e-3, tolerance: 4.363, tokens: 96 };
  assert.deepEqual(verifiedText(old), [
    'Verified when written, on 96 tokens: logits differ by at most 4.8e-3.',
  ]);
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RunSnapshot } from '../../../src/dashboard/model/runSnapshot.ts';
import type { EvaluatedOn } from '../../../src/protocol/evaluatedOn.ts';
import { speedAgainstDense } from '../../../src/protocol/speedChange.ts';
import {
  areAlike,
  incomparableText,
  perplexityKey,
  searchKey,
} from '../../../webview/data/comparable.ts';
import { speedText, timeText, timingNote } from '../../../webview/data/speedText.ts';
import { figure, snapshotOf, timing } from './recordedModel.ts';

const on: EvaluatedOn = {
  ...{ text: 'aa', share: 0.1, context: 128, windows: 8, tokens: 1016 },
  ...{ tokenizer: 'bb', model: 'cc' },
};

function runOn(evaluatedOn: EvaluatedOn | undefined, length = 128): RunSnapshot {
  const searched = { ...figure(9, 1000), ...(evaluatedOn === undefined ? {} : { evaluatedOn }) };
  const run = snapshotOf([{ kind: 'figure', name: 'searched', figure: searched }]);
  const hashes = { model: 'cc', text: 'aa' };
  return { ...run, head: { ...run.head, hashes, config: { search: { length } } } };
}

it('ranks perplexities of one model, text and window only', () => {
  assert.ok(areAlike([runOn(on), runOn(on)], perplexityKey));
  for (const change of [{ context: 64 }, { text: 'dd' }, { model: 'ee' }, { windows: 9 }]) {
    const runs = [runOn(on), runOn({ ...on, ...change })];
    assert.ok(!areAlike(runs, perplexityKey), JSON.stringify(change));
    assert.match(incomparableText(runs), /held-out perplexities are not ranked/);
  }
  // Records of older versions do not say what they were evaluated on.
  assert.ok(!areAlike([runOn(undefined), runOn(undefined)], perplexityKey));
});

it('ranks search figures of one model, text and window only', () => {
  assert.ok(areAlike([runOn(on), runOn(on)], searchKey));
  assert.ok(!areAlike([runOn(on), runOn(on, 64)], searchKey));
  assert.equal(searchKey(snapshotOf([])), null);
});

it('shows a difference inside the spread as none, and a larger one with its size', () => {
  const words = (share: number): string => speedText(speedAgainstDense('decode', timing(share)));
  assert.deepEqual([0.5, 0.98, 1, 1.02, 2].map(words), [
    ...['2.00× faster', 'no difference', 'no difference', 'no difference', '2.00× slower'],
  ]);
  assert.equal(speedText(speedAgainstDense('decode', undefined)), '');
});

it('shows times with quartiles, and says when and how they were taken', () => {
  const timed = { ...figure(9, 1000), timing: timing(1) };
  assert.equal(timeText('prefill', timed), '100\u00a0ms (98.0\u00a0ms to 103\u00a0ms)');
  assert.equal(timeText('prefill', figure(9, 1000)), '100\u00a0ms');
  assert.match(
    timingNote([timed]),
    /medians of 15 rounds .* in turns with the dense model, on the CPU/,
  );
  assert.equal(timingNote([figure(9, 1000)]), '');
});

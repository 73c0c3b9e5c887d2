import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupSentence, rankWords, unitSentence } from '../../../webview/heatmap/readout.ts';
import { wordsOf } from '../../../webview/heatmap/units.ts';
import { model } from './heatmapFixture.ts';

const words = wordsOf(model);

describe('the readout', () => {
  it('says of a unit all that is known, and of its past only what differs', () => {
    const unit = { kind: 'mlp', head: -1, index: 3071 } as const;
    const facts = {
      ...{ layer: 12, unit, kept: true, rank: 246, before: true, reference: 'the initial mask' },
      keptBy: { subnets: 9, of: 10 },
    };
    assert.equal(
      unitSentence(facts, words),
      'Block 12, neuron 3,071: kept, importance in the top 4%, kept by 9 of 10 survivors',
    );
    assert.equal(
      unitSentence({ ...facts, kept: false, rank: null, keptBy: null }, words),
      'Block 12, neuron 3,071: removed, kept in the initial mask',
    );
    const head = { kind: 'qk', head: 1, index: 2 } as const;
    const bare = { ...facts, unit: head, kept: null, rank: null, keptBy: null, before: null };
    assert.equal(unitSentence(bare, words), 'Block 12, KV head 1, query/key pair 2');
    const partly = wordsOf({ ...model, qkUnits: 6 });
    assert.equal(unitSentence(bare, partly), 'Block 12, KV head 1, query/key unit 2');
  });

  it('says of a group how many it keeps, and what was gained and lost', () => {
    const facts = {
      ...{ layer: 1, name: 'neurons 0 to 9', units: 10, kept: 4, importance: null },
      ...{ frequency: null, change: { gained: 1, lost: 2 }, reference: 'run B' },
    };
    assert.equal(
      groupSentence(facts),
      'Block 1, neurons 0 to 9: 4 of 10 kept (40%), 1 gained and 2 lost against run B',
    );
    const same = { ...facts, change: { gained: 0, lost: 0 } };
    assert.match(groupSentence(same), /the same as run B$/);
  });

  it('names ranks from the better end', () => {
    assert.deepEqual([255, 246, 128, 127, 0].map(rankWords), [
      ...['top 1%', 'top 4%', 'top 50%', 'top 50%', 'bottom 1%'],
    ]);
  });
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { firstSelection, restoredSelection, type Selection } from '../../../webview/selection.ts';

const chosen: Selection = {
  ...firstSelection,
  ...{ runs: ['a-1', 'b-2'], tab: 'masks', subnet: '0123456789abcdef', logarithmic: true },
  zoom: { xMin: 1, xMax: 2, yMin: 3, yMax: 4 },
};

it('finds everything again that was chosen, in less than 4 KB', () => {
  const text = JSON.stringify(chosen);
  assert.ok(text.length < 4096);
  assert.deepEqual(restoredSelection(JSON.parse(text)), chosen);
});

it('starts anew from what is no selection, or one of another version', () => {
  for (const stored of [undefined, null, 7, 'x', [], {}, { ...chosen, version: 2 }]) {
    assert.deepEqual(restoredSelection(stored), firstSelection);
  }
});

it('keeps the good parts of a selection with bad ones', () => {
  const stored = { ...chosen, tab: 'elsewhere', subnet: '../../x', zoom: { xMin: 2, xMax: 1 } };
  const restored = restoredSelection(stored);
  assert.equal(restored.tab, 'overview');
  assert.equal(restored.subnet, null);
  assert.equal(restored.zoom, null);
  assert.equal(restored.logarithmic, true);
});

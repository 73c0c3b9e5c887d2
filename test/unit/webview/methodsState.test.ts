import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeComparison } from '../../../webview/methods/decodeComparison.ts';
import {
  firstMethodsSelection,
  restoredMethodsSelection,
  withContent,
} from '../../../webview/methods/methodsState.ts';
import { standingOf } from '../../../webview/methods/standing.ts';
import { comparedContent, comparedTable } from '../../fixtures/recordedComparison.ts';

describe('what the page of a comparison keeps', () => {
  it('comes back as it was', () => {
    const kept = {
      ...firstMethodsSelection,
      ...{ configPath: '/a/b.subnet.jsonc', scope: 'mlp', pattern: '2:4', logarithmic: true },
      ...{ zoom: { xMin: 0.4, xMax: 0.6, yMin: 2.9, yMax: 3 }, hidden: ['random'], asTable: true },
    };
    assert.deepEqual(restoredMethodsSelection(JSON.parse(JSON.stringify(kept))), kept);
  });

  it('is left out where it is not what it should be', () => {
    const strange = {
      ...{ version: 1, view: 'methods', configPath: 3, scope: 'none', pattern: 'x'.repeat(41) },
      ...{ logarithmic: 'yes', zoom: { xMin: 1, xMax: 0, yMin: 0, yMax: 1 }, hidden: [1, 'flap'] },
    };
    assert.deepEqual(restoredMethodsSelection(strange), {
      ...firstMethodsSelection,
      hidden: ['flap'],
    });
    for (const other of [null, undefined, 7, 'x', [], { version: 1, runs: [] }]) {
      assert.deepEqual(restoredMethodsSelection(other), firstMethodsSelection);
    }
  });

  it('names the config, so that a window that starts again finds it, and keeps that name', () => {
    const state = { content: null, problem: null, selection: firstMethodsSelection };
    const shown = withContent(state, comparedContent(comparedTable(3, 'running')));
    assert.match(shown.selection.configPath ?? '', /tiny-llama\.subnet\.jsonc$/);
    const emptied = withContent(shown, comparedContent(null));
    assert.equal(emptied.selection, shown.selection);
  });
});

describe('what a host tells the page of a comparison', () => {
  it('is taken when it has its shape', () => {
    const content = comparedContent(comparedTable(40, 'running'));
    assert.equal(decodeComparison(content), content);
    const empty = comparedContent(null);
    assert.equal(decodeComparison(empty), empty);
  });

  it('is refused with a sentence when it has not', () => {
    const content = comparedContent(comparedTable(40, 'running'));
    const table = content.table!;
    const broken: readonly unknown[] = [
      ...[null, 7, {}, [], { ...content, job: 3 }, { ...content, etaMs: 'soon' }],
      ...[
        { ...content, table: undefined },
        { ...content, table: { ...table, rows: {} } },
      ],
      { ...content, table: { ...table, rows: [{ ...table.rows[0], perplexity: 'none' }] } },
      { ...content, table: { ...table, rows: [{ ...table.rows[0], scope: 'x' }] } },
      { ...content, table: { ...table, leftOut: [{}] } },
      { ...content, table: { ...table, heldout: null } },
    ];
    for (const value of broken) assertRefused(value, /does not understand/);
    assertRefused({ ...content, protocol: 99 }, /version 99/);
  });
});

describe('where a comparison stands', () => {
  const kindOf = (...[table, more]: Parameters<typeof comparedContent>): string =>
    standingOf(comparedContent(table, more)).kind;

  it('is what its job does, and what its table says when it has none', () => {
    assert.equal(kindOf(null), 'none');
    assert.equal(kindOf(null, { job: 'queued' }), 'queued');
    assert.equal(kindOf(comparedTable(9, 'stopped'), { job: 'running' }), 'running');
    assert.equal(kindOf(comparedTable(9, 'failed')), 'failed');
    assert.equal(kindOf(comparedTable(9, 'finished')), 'finished');
  });

  it('is interrupted when the table says running and nothing runs', () => {
    assert.equal(kindOf(comparedTable(9, 'running')), 'interrupted');
  });
});

function assertRefused(value: unknown, words: RegExp): void {
  const answer = decodeComparison(value);
  assert.ok(typeof answer === 'string', 'it was taken');
  assert.match(answer, words);
}

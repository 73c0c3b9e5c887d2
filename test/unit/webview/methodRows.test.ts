import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { perplexityValue } from '../../../src/protocol/perplexity.ts';
import { leftOutNotes, methodGrids, winsOf } from '../../../webview/data/methodGrid.ts';
import {
  filteredRows,
  formatInColumn,
  formatPerplexity,
  inOrder,
  patternsOf,
  readableTop,
} from '../../../webview/data/methodRows.ts';
import { COMPARED_ROWS, comparedTable } from '../../fixtures/recordedComparison.ts';

const whole = comparedTable(COMPARED_ROWS.length, 'finished');

describe('the rows of a comparison', () => {
  it('are filtered by scope and pattern, and never hold the dense model', () => {
    assert.equal(filteredRows(whole, { scope: null, pattern: null }).length, 70);
    assert.equal(filteredRows(whole, { scope: 'mlp', pattern: null }).length, 15);
    const some = filteredRows(whole, { scope: null, pattern: '2:4' });
    assert.deepEqual([...new Set(some.map(({ scope }) => scope))], ['mlp', 'all']);
    assert.equal(some.length, 10);
  });

  it('have their patterns in order: zeros as they came, kept shares from most to least', () => {
    const all = ['50%', '4:8', '2:4', 'kept 90%', 'kept 80%', 'kept 70%', 'kept 60%', 'kept 50%'];
    assert.deepEqual(patternsOf(whole, null), all);
    const shuffled = { ...whole, rows: [...whole.rows].reverse() };
    assert.deepEqual(patternsOf(shuffled, 'structured'), all.slice(3));
    assert.deepEqual(patternsOf(whole, 'mlp'), all.slice(0, 3));
  });

  it('name methods in one order, those nobody knows last', () => {
    const named = ['paper', 'newcomer', 'ours', 'magnitude', 'random', 'ours'];
    assert.deepEqual(inOrder(named), ['random', 'magnitude', 'paper', 'ours', 'newcomer']);
  });
});

describe('the end of the perplexity axis', () => {
  it('holds everything when nothing stands out', () => {
    assert.equal(readableTop([2.94, 2.97, 3.0, 3.02, 3.08], 2.92), null);
  });

  it('leaves out what would flatten the rest, and ends at a value that is there', () => {
    const usual = [2.94, 2.97, 3.0, 3.02, 3.08, 3.1, 3.15];
    assert.equal(readableTop([...usual, 1022], 2.92), 3.15);
    assert.equal(readableTop([...usual, Infinity], 2.92), null);
  });

  it('holds everything when half of it is bad: then bad is usual', () => {
    assert.equal(readableTop([3, 900, 1000, 1022], 2.92), null);
  });

  it('ends nowhere without a finite value', () => {
    assert.equal(readableTop([], 2.92), null);
    assert.equal(readableTop([Infinity], 2.92), null);
  });
});

describe('a perplexity', () => {
  it('has four digits and separators', () => {
    assert.equal(formatPerplexity(2.938), '2.938');
    assert.equal(formatPerplexity(1022.4), '1,022');
    assert.equal(formatPerplexity(Infinity), '∞');
  });

  it('has as many digits as its neighbours in a column', () => {
    assert.equal(formatInColumn(19.85, 2.925), '19.850');
    assert.equal(formatInColumn(74.5, 14.9), '74.50');
    assert.equal(formatInColumn(613.609, 2.925), '613.6');
    assert.equal(formatInColumn(1022, 2.925), '1,022');
    assert.equal(formatInColumn(Infinity, 2.925), '∞');
  });
});

describe('the tables of a comparison', () => {
  it('mark the best of each column, and all that are as good', () => {
    const [mlp, , structured] = methodGrids(whole);
    const best = mlp!.lines.map(({ method, cells }) => [
      method,
      cells.filter((cell) => cell.kind === 'row' && cell.best).length,
    ]);
    assert.deepEqual(best.at(-1), ['ours', 3]);
    assert.ok(best.slice(0, -1).every(([, count]) => count === 0));
    const first = structured!.lines.filter(
      ({ cells: [cell] }) => cell?.kind === 'row' && cell.best,
    );
    const methods = first.map(({ method }) => method);
    assert.deepEqual(methods, ['wanda-sp', 'paper, searched', 'paper']);
  });

  it('mark nothing in a column with one row', () => {
    const [mlp] = methodGrids(comparedTable(2, 'running'));
    assert.deepEqual(
      mlp!.lines.map(({ cells: [cell] }) => cell?.kind === 'row' && cell.best),
      [false],
    );
  });

  it('tell what was left out from what is still to come', () => {
    const [, , structured] = methodGrids(whole);
    const depth = structured!.lines.find(({ method }) => method === 'depth');
    assert.ok(depth!.cells.every((cell) => cell.kind === 'leftOut' && cell.why !== ''));
    assert.equal(depth!.seconds, null);
    const [mlp] = methodGrids(comparedTable(7, 'running'));
    assert.deepEqual(
      mlp!.lines.map(({ cells }) => cells[1]!.kind),
      ['row', 'none', 'none', 'none', 'none'],
    );
  });

  it('are not there before a scope has a row', () => {
    assert.deepEqual(methodGrids(comparedTable(1, 'running')), []);
    assert.deepEqual(
      methodGrids(comparedTable(17, 'running')).map(({ scope }) => scope),
      ['mlp', 'all'],
    );
  });

  it('give one reason once for all patterns it holds for', () => {
    const [note, ...more] = leftOutNotes(whole);
    assert.deepEqual(more, []);
    assert.equal(note!.patterns.length, 5);
    assert.deepEqual(note!.scopes, ['structured']);
  });
});

describe('the best method over all columns', () => {
  it('is counted over every table, and is nobody before there is a rival', () => {
    const grids = methodGrids(whole);
    const wins = winsOf(grids)!;
    const columns = grids.flatMap(({ patterns }) => patterns).length;
    assert.equal(wins.columns, columns);
    const counts = new Map<string, number>();
    for (const { patterns, lines } of grids) {
      patterns.forEach((_, at) => {
        const values = lines.flatMap(({ method, cells }) => {
          const cell = cells[at];
          return cell?.kind === 'row'
            ? [[method, perplexityValue(cell.row.perplexity)] as const]
            : [];
        });
        const least = Math.min(...values.map(([, value]) => value));
        for (const [method, value] of values) {
          if (value === least) counts.set(method, (counts.get(method) ?? 0) + 1);
        }
      });
    }
    assert.equal(wins.wins, Math.max(...counts.values()));
    assert.ok(wins.methods.every((method) => counts.get(method) === wins.wins));
    assert.equal(winsOf([]), null);
    assert.equal(winsOf(methodGrids(comparedTable(2, 'running'))), null);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { progressLine } from '../../../src/cli/progressLine.ts';
import { nextProgress, noProgress } from '../../../src/cli/progressState.ts';
import { ProgressView } from '../../../src/cli/progressView.ts';
import { showsUnicode, type Terminal } from '../../../src/cli/terminal.ts';
import { formatDuration, formatFitness, formatMs, formatShare } from '../../../src/cli/units.ts';
import type { RunEventBody } from '../../../src/protocol/runEvent.ts';

const searching: readonly RunEventBody[] = [
  { kind: 'stageStarted', stage: 'search' },
  {
    kind: 'generationFinished',
    generation: 3,
    best: 20.314,
    median: 25,
    quartiles: [22, 30],
    survivors: [],
    ms: 5,
  },
  { kind: 'stageProgress', stage: 'search', done: 3, total: 6, etaMs: 83_000 },
];

test('the live line shows stage, bar, generation, best fitness and time left', () => {
  const state = searching.reduce(nextProgress, noProgress);
  assert.equal(
    progressLine(state, 80, true),
    'search     ██████████░░░░░░░░░░   50%  gen 3  best 20.31  1 min 23 s left',
  );
  assert.equal(progressLine(state, 80, false).slice(11, 31), '##########..........');
});

test('the live line never fills the width, so that it cannot wrap', () => {
  const state = searching.reduce(nextProgress, noProgress);
  for (const columns of [1, 10, 40, 80]) {
    assert.ok(progressLine(state, columns, true).length < columns);
  }
});

test('the best fitness never gets worse', () => {
  const state = [20, 30].reduce(
    (before, best) => nextProgress(before, { ...searching[1], best } as RunEventBody),
    noProgress,
  );
  assert.equal(state.best, 20);
});

test('a terminal is redrawn at most ten times a second, and left clean', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let drawn = 0;
  let last = '';
  const view = new ProgressView(
    fakeTerminal((text) => {
      if (text.includes('search')) drawn++;
      last = text;
    }),
  );
  for (let ms = 0; ms < 550; ms++) {
    for (const event of searching) view.show(event);
    t.mock.timers.tick(1);
  }
  view.end();
  assert.equal(drawn, 5);
  assert.equal(last, '\r\u001b[2K');
});

test('a remark is printed above the live line', async () => {
  const texts: string[] = [];
  const view = new ProgressView(fakeTerminal((text) => texts.push(text)));
  for (const event of searching) view.show(event);
  await sleep(150);
  view.remark('hello');
  view.end();
  assert.deepEqual(texts.slice(1), ['\r\u001b[2K', 'hello\n']);
});

test('Unicode is used only where it is known to show', () => {
  assert.equal(showsUnicode({ LANG: 'de_DE.UTF-8' }, 'linux'), true);
  assert.equal(showsUnicode({ LANG: 'C' }, 'linux'), false);
  assert.equal(showsUnicode({ LANG: 'C.UTF-8', TERM: 'linux' }, 'linux'), false);
  assert.equal(showsUnicode({}, 'win32'), false);
  assert.equal(showsUnicode({ WT_SESSION: 'x' }, 'win32'), true);
});

test('times carry their units and three digits', () => {
  assert.deepEqual([0.421, 12.34, 4210].map(formatMs), ['0.42 ms', '12.3 ms', '4.21 s']);
  assert.deepEqual([8000, 200_000, 7_500_000].map(formatDuration), [
    '8 s',
    '3 min 20 s',
    '2 h 05 min',
  ]);
  assert.deepEqual([0.12345, 12.345, 1234.5, 3e7].map(formatFitness), [
    '0.1235',
    '12.35',
    '1235',
    '3.00e+7',
  ]);
  assert.deepEqual([formatShare(7, 10), formatShare(1, 0)], ['70.0%', '-']);
});

function fakeTerminal(err: (text: string) => void): Terminal {
  const clearLine = (): void => err('\r\u001b[2K');
  return {
    out: () => undefined,
    err,
    clearLine,
    live: true,
    color: false,
    unicode: true,
    columns: () => 80,
  };
}

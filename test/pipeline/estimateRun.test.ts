import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { openCheckpoint } from '../../src/engine/checkpoint/openCheckpoint.ts';
import { estimateRun } from '../../src/engine/pipeline/estimateRun.ts';
import { evenWidths } from '../../src/engine/pipeline/evenWidths.ts';
import { readRunEvents } from '../../src/engine/runs/listRuns.ts';
import { readResults } from '../../src/engine/runs/runLayout.ts';
import { blockOf } from '../../src/engine/model/block.ts';
import { blockBudget, countParameters, unitCosts } from '../../src/engine/model/cost.ts';
import { oddLlama, tinyLlama, tinyOpt } from '../unit/subnet/shapes.ts';
import { start, temporaryFolder } from './inProcess.ts';
import { tinyText, type TinyRun, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const { signal } = new AbortController();
let files: TinyRun;

before(async () => {
  files = await writeTinyRun(join(folder, 'run'));
});

test('sizes, windows and candidates are those of the run that follows', async (t) => {
  const report = await estimateRun(files.config, signal);
  const { runFolder } = await start(files.config);
  const { figures } = readResults(runFolder)!;
  assert.equal(report.params.dense, figures.dense!.params);
  assert.equal(report.blockParams.dense, figures.dense!.blockParams);
  assert.equal(report.blockParams.subnet, Math.floor(0.6 * figures.dense!.blockParams + 1e-3));
  assert.ok(figures.searched!.blockParams <= report.blockParams.subnet);
  assert.ok(figures.searched!.params <= report.params.subnet);
  const { events } = readRunEvents(runFolder);
  const { calibration, search, heldout } = report.windows;
  assert.ok(
    events.some(
      (event) =>
        event.kind === 'log' &&
        event.text.startsWith(
          `Windows × tokens: ${calibration.join(' × ')} for calibration, ` +
            `${search.join(' × ')} for the search, ${heldout.join(' × ')} held out`,
        ),
    ),
  );
  const totals = events.flatMap((event) =>
    event.kind === 'stageProgress' && event.stage === 'search' ? [event.total] : [],
  );
  assert.equal(report.candidates, totals[0]);
  const told = events.flatMap((event) => (event.kind === 'stageFinished' ? [event] : []));
  assert.deepEqual(
    report.stages.map(({ stage }) => stage),
    told.map(({ stage }) => stage),
  );
  for (const { stage, ms } of report.stages) {
    const real = told.find((event) => event.stage === stage)!.ms;
    t.diagnostic(`${stage}: estimated ${ms.toFixed(0)} ms, took ${real.toFixed(0)} ms`);
  }
});

test('what the config switches off is not estimated', async () => {
  const config = join(files.folder, 'plain.subnet.jsonc');
  writeConfig(config, { search: { enabled: false }, reform: { method: 'none' } });
  const { stages, candidates } = await estimateRun(config, signal);
  assert.deepEqual(
    stages.map(({ stage }) => stage),
    ['import', 'calibrate', 'score', 'evaluate', 'export'],
  );
  assert.equal(candidates, 0);
});

test('even widths spend a budget to less than a neuron a block', () => {
  for (const shape of [tinyLlama, tinyOpt, oddLlama]) {
    for (const ratio of [0.3, 0.5, 0.7, 1]) {
      const budget = blockBudget(shape, ratio);
      const { qk, vo, mlp } = evenWidths(shape, budget);
      const upTo = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);
      const heads = Array.from({ length: shape.kvHeads }, () => ({ qk: upTo(qk), vo: upTo(vo) }));
      const layers = Array.from({ length: shape.layers }, () => ({ heads, mlp: upTo(mlp) }));
      const { block } = countParameters(shape, { layers });
      assert.ok(block <= budget, `${block} of ${budget}`);
      if (mlp < shape.intermediate) {
        assert.ok(block > budget - shape.layers * (unitCosts(blockOf(shape, 0)).mlp + 1));
      }
      if (ratio === 1) assert.equal(mlp, shape.intermediate);
    }
  }
});

test('warnings name what a user should know', async () => {
  const odd = join(folder, 'odd');
  mkdirSync(odd);
  const config = join(odd, 'odd.subnet.jsonc');
  writeConfig(config, {
    ...{ model: files.model, text: files.text, ratio: 0.3 },
    calibration: { windows: 1, length: 32 },
  });
  const { warnings } = await estimateRun(config, signal);
  const all = warnings.join('\n');
  assert.match(all, /0\.3 is below what the paper tried/);
  assert.match(all, /32 calibration tokens are few/);
  assert.match(all, /held-out tokens give perplexities that are only roughly right/);
  assert.match(all, /stock transformers cannot load/);
  assert.doesNotMatch(all, /very same config/);
  const again = await estimateRun(files.config, signal);
  assert.match(again.warnings.join('\n'), /The run tiny-.* was made from the very same config/);
});

test('windows of a large text are extrapolated from a part of it', async () => {
  const text = join(folder, 'large.txt');
  writeFileSync(text, `${tinyText(2)}\n`.repeat(600));
  const config = join(folder, 'large.subnet.jsonc');
  writeConfig(config, { model: files.model, text, calibration: { windows: 60_000, length: 32 } });
  const { windows, warnings } = await estimateRun(config, signal);
  const { shape } = await openCheckpoint(files.model);
  assert.deepEqual(windows.heldout, [12, Math.min(32, shape.maxPositions)]);
  assert.match(warnings.join('\n'), /extrapolated/);
  // 600 times the windows of one, which the tiny run shows for a tenth less than the whole text.
  const one = await estimateRun(files.config, signal);
  assert.ok(one.windows.calibration[0] === 24 && windows.calibration[0] > 1000);
});

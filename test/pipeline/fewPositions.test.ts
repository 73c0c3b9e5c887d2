import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { exportRun } from '../../src/engine/pipeline/exportRun.ts';
import { timedLengths } from '../../src/engine/pipeline/measureFigures.ts';
import { windowLength } from '../../src/engine/pipeline/windowLength.ts';
import { isEngineError } from '../../src/protocol/errors.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import { tinyShape } from '../fixtures/tinyModel.ts';
import { start, temporaryFolder } from './inProcess.ts';
import { tinyText, type TinyRun, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const context = { signal: new AbortController().signal, emit: () => undefined };

/** Windows longer than the model has positions, everywhere a config can ask for them. */
const LONG: Partial<RunConfig> = {
  calibration: { windows: 4, length: 512 },
  search: { windows: 2, length: 512, generations: 1 },
  evaluation: { context: 512, maxWindows: 2 },
  export: { checkpoint: true, onnx: true, dtype: 'float32' },
  compare: { patterns: ['2:4'], ratios: [0.6], scopes: ['mlp'] },
};

async function filesOf(family: 'llama' | 'opt', positions: number): Promise<TinyRun> {
  const config = { max_position_embeddings: positions };
  const files = await writeTinyRun(join(folder, `${family}-${positions}`), LONG, {
    ...{ family, layers: 2, config },
  });
  writeFileSync(files.text, tinyText(1).repeat(2));
  return files;
}

for (const [family, counts] of [
  ['llama', [8, 255, 256, 257]],
  ['opt', [8, 256]],
] as const) {
  for (const positions of counts) {
    describe(`a ${family} of ${positions} positions`, () => {
      test('is run, evaluated, exported and compared', async () => {
        const files = await filesOf(family, positions);
        const { runFolder, figures, exports } = await start(files.config);
        for (const figure of [figures.dense, figures.searched]) {
          assert.equal(figure!.evaluatedOn!.context, positions);
          const { promptTokens, decodedTokens } = figure!.timing!;
          assert.ok(promptTokens + decodedTokens <= positions && decodedTokens > 0);
        }
        assert.equal(exports.length, 3);
        const request = { path: files.model, text: files.text, context: 512, maxWindows: 2 };
        const report = await evaluateModel({ ...request, device: 'cpu' }, context);
        assert.equal(report.context, positions);
        assert.equal(report.notMeasured, null);
        const again = await exportRun({ path: runFolder, forms: ['onnx'] }, context);
        assert.ok(again[0]!.verified !== null);
        const table = await compareMethods({ configPath: files.config }, context);
        assert.equal(table.rows[0]!.perplexity, figures.dense!.perplexity);
      });
    });
  }
}

test('prompt and decoded tokens never take more positions than there are', () => {
  for (let positions = 2; positions < 600; positions++) {
    for (const available of [1, 2, 16, 255, 256, 1000]) {
      const { promptTokens, decodedTokens } = timedLengths(positions, available);
      assert.ok(promptTokens >= 1 && decodedTokens >= 1);
      assert.ok(promptTokens + decodedTokens <= positions && promptTokens <= available);
    }
  }
  assert.deepEqual(timedLengths(8192, 2048), { promptTokens: 256, decodedTokens: 16 });
});

test('a model of one position is refused in words', () => {
  const shape = tinyShape({ config: { max_position_embeddings: 1 } });
  assert.throws(
    () => windowLength(64, shape),
    (error) => isEngineError(error, 'checkpoint') && /max_position_embeddings/.test(error.message),
  );
});

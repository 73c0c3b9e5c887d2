import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FAMILIES } from '../../src/engine/checkpoint/families/registry.ts';
import { openCheckpoint } from '../../src/engine/checkpoint/openCheckpoint.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import { tinyTokenizer } from '../fixtures/tinyTokenizer.ts';
import { start, temporaryFolder } from './inProcess.ts';
import { tinyText, writeConfig } from './tinyRun.ts';

const folder = temporaryFolder();
const fixtures = join(import.meta.dirname, '..', 'parity', 'fixtures');

/** Run a search and a reform, and put zeros and integers into all of it. */
const WAYS = ['searched and reformed', 'filled with zeros and rounded to integers'] as const;

/** What is laid over the tiny run. */
function changesOf(way: (typeof WAYS)[number], gated: boolean): Partial<RunConfig> {
  if (way === 'searched and reformed') return {};
  return {
    search: { enabled: false },
    sparsify: { method: gated ? 'dass' : 'ours', pattern: '2:4', scope: 'mlp' },
    export: { quantise: 'int8', groupSize: 16, dtype: 'float32' },
  };
}

for (const { name: family, inputsFirst } of FAMILIES) {
  describe(`a checkpoint of ${family}`, () => {
    for (const way of WAYS) {
      test(`is ${way}, and its exports are verified`, async () => {
        // Its first fixture: what transformers wrote, without a tokenizer.
        const [fixture] = readdirSync(join(fixtures, family)).sort();
        const place = join(folder, family, way.slice(0, 8));
        const model = join(place, 'model');
        mkdirSync(model, { recursive: true });
        cpSync(join(fixtures, family, fixture!), model, { recursive: true });
        const { shape } = await openCheckpoint(model);
        for (const [file, content] of Object.entries(tinyTokenizer(shape.vocab))) {
          writeFileSync(join(model, file), JSON.stringify(content));
        }
        writeFileSync(join(place, 'text.txt'), tinyText(1));
        const config = join(place, 'tiny.subnet.jsonc');
        const changes = changesOf(way, shape.mlp.gated);
        writeConfig(config, changes);

        const { figures, exports } = await start(config);
        const last = changes.sparsify === undefined ? figures.reformed! : figures.sparse!;
        const share = last.blockParams / figures.dense!.blockParams;
        // A unit of the smallest heads is some hundredths of these models.
        assert.ok(share <= 0.6 && share > 0.5, `keeps ${share} of its parameters`);
        assert.ok(Number.isFinite(last.perplexity));
        const verified = exports.filter(({ form }) => form !== 'subnet');
        // A compressed form holds maps as `Linear` stores them.
        assert.deepEqual(
          verified.map(({ form }) => form),
          [
            'checkpoint',
            'onnx',
            ...(changes.sparsify === undefined || inputsFirst === true ? [] : ['compressed']),
          ],
        );
        for (const { verified: check } of verified) {
          assert.ok(check!.maxDifference <= check!.tolerance && check!.tokens > 0);
        }
      });
    }
  });
}

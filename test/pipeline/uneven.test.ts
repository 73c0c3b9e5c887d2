import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FAMILIES } from '../../src/engine/checkpoint/families/registry.ts';
import { openCheckpoint } from '../../src/engine/checkpoint/openCheckpoint.ts';
import { readSubnetCheckpoint } from '../../src/engine/export/readSubnetCheckpoint.ts';
import { countParameters } from '../../src/engine/model/cost.ts';
import { denseSubnet } from '../../src/engine/model/subnet.ts';
import { compareMethods } from '../../src/engine/pipeline/compareMethods.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { inspectModel } from '../../src/engine/pipeline/inspectModel.ts';
import { assertLegal } from '../../src/engine/subnet/legal.ts';
import type { RunConfig } from '../../src/protocol/runConfig.ts';
import type { RunOutcome } from '../../src/protocol/engineApi.ts';
import { tinyTokenizer } from '../fixtures/tinyTokenizer.ts';
import { errorOf, start, temporaryFolder } from './inProcess.ts';
import { structuredNames } from '../../src/protocol/compareSection.ts';
import { tinyText, writeConfig, writeTinyRun } from './tinyRun.ts';

const folder = temporaryFolder();
const fixtures = join(import.meta.dirname, '..', 'parity', 'fixtures');
const context = { signal: new AbortController().signal, emit: (): void => undefined };

/** Relative to a loss: float32 sums in another order. */
const TOLERANCE = 1e-5;

/** A model of a family in a folder of its own, with a tokenizer and a text beside it. */
async function familyModel(family: string, place: string): Promise<string> {
  const [fixture] = readdirSync(join(fixtures, family)).sort();
  const model = join(place, 'model');
  mkdirSync(model, { recursive: true });
  cpSync(join(fixtures, family, fixture!), model, { recursive: true });
  const { shape } = await openCheckpoint(model);
  for (const [file, content] of Object.entries(tinyTokenizer(shape.vocab))) {
    writeFileSync(join(model, file), JSON.stringify(content));
  }
  writeFileSync(join(place, 'text.txt'), tinyText(1));
  return model;
}

/** Runs a config over the model of a place. */
function runOn(place: string, model: string, changes: Partial<RunConfig>): Promise<RunOutcome> {
  const config = join(place, `${model}.subnet.jsonc`);
  writeConfig(config, { ...changes, model: join(place, model) });
  return start(config);
}

/** The checkpoint that a run exported, put beside its model under a name of its own. */
function exportedAs(place: string, name: string, { exports }: RunOutcome): string {
  const { path } = exports.find(({ form }) => form === 'checkpoint')!;
  cpSync(path, join(place, name), { recursive: true });
  return join(place, name);
}

for (const { name: family, inputsFirst } of FAMILIES) {
  describe(`an export of ${family} as a source`, () => {
    test('is searched, reformed and exported again', async () => {
      const place = join(folder, family);
      await familyModel(family, place);
      const first = await runOn(place, 'model', { ratio: 0.8, export: { dtype: 'float32' } });
      const once = exportedAs(place, 'once', first);

      const source = await openCheckpoint(once);
      const { params, blockParams } = await inspectModel(once);
      assert.equal(blockParams, first.figures.reformed!.blockParams);
      assert.equal(
        params,
        source.tensors.reduce((sum, { located }) => sum + located.entry.elements, 0),
      );

      const second = await runOn(place, 'once', { ratio: 0.7, export: { dtype: 'float32' } });
      // What was exported is what was read, and ratios are shares of it.
      const { dense, reformed } = second.figures;
      const expected = first.figures.reformed!.lossNats!;
      assert.ok(Math.abs(dense!.lossNats! - expected) < TOLERANCE * expected);
      assert.equal(dense!.blockParams, blockParams);
      const share = reformed!.blockParams / blockParams;
      assert.ok(share <= 0.7 && share > 0.6, `keeps ${share} of its parameters`);
      for (const { form, verified } of second.exports) {
        if (form === 'subnet') continue;
        assert.ok(verified!.maxDifference <= verified!.tolerance && verified!.tokens > 0);
      }

      // The subnet config of the second run leads back to the export it was made from.
      const { path } = second.exports.find(({ form }) => form === 'subnet')!;
      const text = join(place, 'text.txt');
      const again = await evaluateModel({ path, text, device: 'cpu', context: 32 }, context);
      assert.equal(again.blockParams, reformed!.blockParams);
      assert.ok(Number.isFinite(again.perplexity) && again.notMeasured === null);

      const twice = exportedAs(place, 'twice', second);
      const { weights, subnet } = await readSubnetCheckpoint(twice);
      assertLegal(source.shape, subnet);
      assert.equal(countParameters(weights.shape, subnet).block, reformed!.blockParams);
      const [was, is] = [once, twice].map(configOf);
      for (const field of ['model_type', 'architectures', 'auto_map', 'num_hidden_layers']) {
        assert.deepEqual(is![field], was![field], field);
      }
      assert.deepEqual(
        readFileSync(join(twice, 'modeling_subnet.py')),
        readFileSync(join(once, 'modeling_subnet.py')),
      );
    });

    test('is filled with zeros, rounded to integers and evaluated', async () => {
      const place = join(folder, `${family}-zeros`);
      const model = await familyModel(family, place);
      const { shape } = await openCheckpoint(model);
      const once = exportedAs(place, 'once', await runOn(place, 'model', { ratio: 0.8 }));
      const zeros = await runOn(place, 'once', {
        ratio: 0.8,
        search: { enabled: false },
        sparsify: { method: shape.mlp.gated ? 'dass' : 'ours', pattern: '2:4', scope: 'mlp' },
        export: { quantise: 'int8', groupSize: 16, dtype: 'float32' },
      });
      const forms = zeros.exports.map(({ form }) => form);
      const compressed = inputsFirst === true ? [] : ['compressed'];
      assert.deepEqual(forms, ['subnet', 'checkpoint', 'onnx', ...compressed]);
      const text = join(place, 'text.txt');
      const request = { text, device: 'cpu', context: 32, maxWindows: 4 } as const;
      for (const path of [once, exportedAs(place, 'twice', zeros)]) {
        const report = await evaluateModel({ ...request, path }, context);
        assert.ok(Number.isFinite(report.perplexity) && report.notMeasured === null);
        const own = await openCheckpoint(path);
        assert.equal(report.params, countParameters(own.shape, denseSubnet(own.shape)).total);
      }
    });
  });
}

test('methods are compared on an export, and what cannot narrow it says so', async () => {
  const files = await writeTinyRun(join(folder, 'compare'), { ratio: 0.8 }, { layers: 4 });
  const first = await start(files.config);
  exportedAs(files.folder, 'once', first);
  const config = join(files.folder, 'methods.subnet.jsonc');
  writeConfig(config, {
    model: 'once',
    compare: {
      ratios: [0.7],
      structured: [...structuredNames],
      patterns: [],
    },
  });
  const { rows } = await compareMethods({ configPath: config }, context);
  const { blockParams } = await inspectModel(join(files.folder, 'once'));
  const named = new Map(rows.map((row) => [row.method, row]));
  for (const method of [
    'random',
    'magnitude',
    'flap',
    'influence',
    'depth',
    'uniform-obc',
    'slicegpt',
  ]) {
    const row = named.get(method);
    assert.ok(row !== undefined && Number.isFinite(row.perplexity), method);
    assert.ok(row.params <= 0.7 * blockParams, method);
  }
});

test('masks of which the model has no units are refused, as are tied ones', async () => {
  const files = await writeTinyRun(join(folder, 'tied'), { ratio: 0.8 });
  exportedAs(files.folder, 'once', await start(files.config));
  writeConfig(files.config, { model: 'once', attention: 'tied' });
  const error = await errorOf(start(files.config));
  assert.match(error.problem.sentence, /^Tied masks cannot be searched: head \d of block \d/);
});

function configOf(dir: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dir, 'config.json'), 'utf8')) as Record<string, unknown>;
}

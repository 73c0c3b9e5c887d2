import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readComparison } from '../../src/dashboard/reader/comparisons.ts';
import { RunReader } from '../../src/dashboard/reader/runReader.ts';
import { SUBNET_BLOCK_VERSION } from '../../src/engine/checkpoint/subnetBlock.ts';
import { SUBNET_FILE_VERSION } from '../../src/engine/export/subnetConfig.ts';
import { evaluateModel } from '../../src/engine/pipeline/evaluateModel.ts';
import { keptSubnet } from '../../src/engine/pipeline/keptSubnet.ts';
import { candidateKeys, readCandidate } from '../../src/engine/runs/candidateStore.ts';
import { readRunEvents, summariseRun } from '../../src/engine/runs/listRuns.ts';
import { readManifest, readResults } from '../../src/engine/runs/runLayout.ts';
import { decodeSubnet } from '../../src/engine/subnet/encode.ts';
import { subnetKey } from '../../src/engine/subnet/key.ts';
import { unpackSubnet } from '../../src/engine/subnet/pack.ts';
import { COMPARISON_SCHEMA_VERSION } from '../../src/protocol/comparisonTable.ts';
import { RUN_SCHEMA_VERSION } from '../../src/protocol/runRecord.ts';
import { SPARSITY_SCHEMA_VERSION } from '../../src/protocol/sparsityRecord.ts';
import { unitLayout } from '../../src/protocol/unitLayout.ts';
import { tinyShape } from '../fixtures/tinyModel.ts';
import { resume, temporaryFolder } from './inProcess.ts';
import { writeTinyRun } from './tinyRun.ts';

// Folders that older versions of the product wrote, less decoders and what is not read: a run from
// before candidates were kept, a run that puts zeros into weights, and a comparison. All are of the
// model and text that `writeTinyRun` makes still; @FOLDER@ stands for where they lay.
const older = fileURLToPath(new URL('../fixtures/olderRuns', import.meta.url));
const shape = tinyShape({ layers: 3 });
// Losses were rounded otherwise then.
const CLOSE = 1e-3;
const folder = temporaryFolder();

before(() => writeTinyRun(folder));

/** Puts a folder of an older version where it lay, under a name of its own. */
function placed(name: string, at: string): string {
  const to = join(folder, '.subnet', at);
  cpSync(join(older, name), to, { recursive: true });
  for (const file of readdirSync(to, { recursive: true, encoding: 'utf8' })) {
    if (!/\.jsonl?$/.test(file)) continue;
    const text = readFileSync(join(to, file), 'utf8');
    writeFileSync(join(to, file), text.replaceAll('@FOLDER@', folder));
  }
  return to;
}

function near(found: number | null | undefined, expected: number | null | undefined): void {
  assert.ok(Math.abs(found! / expected! - 1) < CLOSE, `${found} for ${expected}`);
}

test('every version of a format that was ever written is among them', () => {
  const versions = (pattern: RegExp, field: string): number[] => {
    const files = readdirSync(older, { recursive: true, encoding: 'utf8' });
    const found = files
      .filter((file) => pattern.test(file))
      .map((file) => {
        const value = JSON.parse(readFileSync(join(older, file), 'utf8')) as Record<
          string,
          unknown
        >;
        return (
          field === 'subnet' ? (value['subnet'] as { version: number }).version : value[field]
        ) as number;
      });
    return [...new Set(found)].sort();
  };
  const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);
  assert.deepEqual(versions(/manifest\.json$/, 'schemaVersion'), upTo(RUN_SCHEMA_VERSION));
  assert.deepEqual(versions(/results\.json$/, 'schemaVersion'), upTo(RUN_SCHEMA_VERSION));
  assert.deepEqual(versions(/subnet\.json$/, 'schemaVersion'), upTo(SUBNET_FILE_VERSION));
  assert.deepEqual(versions(/checkpoint.config\.json$/, 'subnet'), upTo(SUBNET_BLOCK_VERSION));
  assert.deepEqual(versions(/sparse\.json$/, 'schemaVersion'), upTo(SPARSITY_SCHEMA_VERSION));
  assert.deepEqual(versions(/comparison\.json$/, 'schemaVersion'), upTo(COMPARISON_SCHEMA_VERSION));
});

for (const [name, has] of [
  ['beforeCandidates', { candidates: false, sparsity: false }],
  ['sparse', { candidates: true, sparsity: true }],
] as const) {
  describe(`a run of an older version (${name})`, () => {
    let run: string;
    before(() => {
      run = placed(name, `runs/${name}`);
    });

    test('is listed with its state and figures', () => {
      const summary = summariseRun(run, name);
      assert.ok(summary.kind === 'run' && summary.state === 'finished');
      assert.equal(summary.generation, 3);
      const { figures } = readResults(run)!;
      assert.deepEqual(summary.figures, figures);
      assert.ok(figures.dense!.perplexity! > 1 && figures.reformed!.perplexity! > 1);
      assert.equal(figures.sparse !== null, has.sparsity);
      assert.equal(figures.dense!.evaluatedOn, undefined, 'it does not say on what');
    });

    test('is shown by a dashboard', () => {
      assert.equal(readRunEvents(run).damaged, 0);
      const reader = new RunReader(run);
      const { model, masks, hasScores, hasSparsity } = reader.snapshot();
      assert.equal(model.state, 'finished');
      assert.ok(model.candidates.length > 6);
      assert.equal(hasSparsity, has.sparsity);
      // Sizes of the model, without which masks and scores cannot be drawn, were not kept at first.
      assert.equal(hasScores, has.candidates);
      assert.equal(Object.keys(masks).length > 0, has.candidates);
      if (!has.sparsity) return;
      assert.equal(reader.layerScores(0).length, unitLayout(readManifest(run).model!).perLayer);
      assert.equal(reader.sparsity().schemaVersion, 1);
    });

    test('has the masks of its subnets', () => {
      for (const mask of ['initialised', 'random', 'searched']) {
        const value: unknown = JSON.parse(readFileSync(join(run, `masks/${mask}.json`), 'utf8'));
        const subnet = decodeSubnet(shape, value);
        const key = subnetKey(subnet);
        assert.deepEqual(keptSubnet(run, shape, key), subnet);
      }
      const { model } = readManifest(run);
      assert.equal(model !== undefined, has.candidates);
      if (model === undefined) return;
      const layout = unitLayout(model);
      const keys = candidateKeys(run, layout);
      assert.ok(keys.length > 6);
      for (const key of keys) {
        assert.equal(subnetKey(unpackSubnet(layout, readCandidate(run, layout, key)!)), key);
      }
    });

    test('goes on where it was', async () => {
      const { figures } = readResults(run)!;
      for (const file of ['results.json', 'stages/evaluate.json', 'stages/export.json']) {
        rmSync(join(run, file));
      }
      const again = (await resume(run)).figures;
      // Refits were not judged then: they are made again.
      for (const row of ['dense', 'random', 'initialised', 'searched'] as const) {
        near(again[row]?.perplexity, figures[row]?.perplexity);
      }
    });
  });
}

test('a subnet of an older version and the checkpoint made of it are loaded', async () => {
  const run = placed('beforeCandidates', 'runs/exported');
  const subnet = await perplexityOf(join(run, 'export/subnet.json'));
  // Its reformed weights are in a file beside it, in bfloat16 as in the checkpoint.
  assert.equal(subnet, await perplexityOf(join(run, 'export/checkpoint')));
  assert.notEqual(subnet, await perplexityOf(join(folder, 'model')));
});

test('a comparison of an older version is read', () => {
  const { rows, state } = readComparison(placed('comparison', 'compare/older'));
  assert.equal(state, 'finished');
  assert.deepEqual(
    rows.map(({ method }) => method),
    ['dense', 'wanda', 'magnitude'],
  );
});

async function perplexityOf(path: string): Promise<number | null> {
  const report = await evaluateModel(
    { path, text: join(folder, 'text.txt'), context: 32, device: 'cpu' },
    { signal: new AbortController().signal, emit: () => undefined },
  );
  return report.perplexity;
}

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { bundledTexts } from '../../../scripts/bundledTexts.mjs';
import { exportText } from '../../../src/cli/runReport.ts';
import { FAMILIES } from '../../../src/engine/checkpoint/families/registry.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import {
  autoMapOf,
  MODELING_CLASSES,
  MODELING_FILE,
  modelingFile,
  modelingSource,
  OLDEST_TRANSFORMERS,
  TESTED_TRANSFORMERS,
} from '../../../src/engine/export/modelingSubnet.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { loadsText } from '../../../src/protocol/loadsText.ts';
import type { ExportReport } from '../../../src/protocol/runRecord.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, OPT } from './candidates.ts';

const file = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const committed = await readFile(file(`src/engine/export/python/${MODELING_FILE}`), 'utf8');

describe('the torch module', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'module-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function write(
    name: string,
    options: TinyOptions,
    make: (shape: ModelShape) => Subnet,
  ): Promise<{ dir: string; report: ExportReport; config: Record<string, unknown> }> {
    await writeTinyModel(join(folder, `${name}-source`), options);
    const source = await openSource(join(folder, `${name}-source`));
    const weights = await loadWeights(source);
    const dir = join(folder, name);
    const { path, bytes, loadable } = await exportCheckpoint(
      dir,
      weights,
      make(weights.shape),
      source,
      F32,
    );
    const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const none = { verified: null, prefillMs: null, decodeMs: null };
    return { dir, config, report: { form: 'checkpoint', path, bytes, loadable, ...none } };
  }

  test('is the committed file, run from sources and in a bundle', () => {
    assert.equal(modelingFile(), committed);
    const outfile = join(folder, 'bundle.cjs');
    buildSync({
      entryPoints: [file('src/engine/export/modelingSubnet.ts')],
      ...{ outfile, bundle: true, platform: 'node', format: 'cjs', define: bundledTexts },
      logOverride: { 'empty-import-meta': 'silent' },
    });
    const bundle = createRequire(outfile)(outfile) as { modelingFile: () => string };
    assert.equal(bundle.modelingFile(), committed);
  });

  test('has every class that an export names, for every family', () => {
    assert.deepEqual(
      [...MODELING_CLASSES.keys()],
      FAMILIES.map(({ name }) => name),
    );
    for (const [family, classes] of MODELING_CLASSES) {
      const source = modelingSource(family);
      for (const other of MODELING_CLASSES.keys()) {
        assert.equal(
          source.includes(`models.${other}.`),
          other === family,
          `${other} in ${family}`,
        );
      }
      for (const reference of Object.values(autoMapOf(classes))) {
        const [module, name] = reference.split('.');
        assert.equal(`${module}.py`, MODELING_FILE);
        assert.match(source, new RegExp(`^class ${name}\\(`, 'm'));
      }
    }
  });

  test('names the versions of transformers that the README of an export names', () => {
    const tested = /Tested with transformers ([^\n]*)\.\n/.exec(committed)?.[1];
    assert.equal(tested?.replace(' and ', ', '), TESTED_TRANSFORMERS.join(', '));
    assert.ok(committed.includes(`< (${OLDEST_TRANSFORMERS.replace('.', ', ')})`));
    assert.ok(committed.includes(`needs transformers ${OLDEST_TRANSFORMERS} or newer`));
  });

  test('is described in the README with the same words and versions', async () => {
    const readme = (await readFile(file('README.md'), 'utf8')).replace(/\s+/g, ' ');
    const loadable = { transformers: false, reason: '', ownCode: true };
    assert.ok(readme.includes(`${loadsText(loadable)} (its README says why)`));
    const tested = `${TESTED_TRANSFORMERS.slice(0, -1).join(', ')} and ${TESTED_TRANSFORMERS.at(-1)}`;
    const versions = `needs transformers ${OLDEST_TRANSFORMERS} or newer, and was tested with ${tested}`;
    assert.ok(readme.includes(versions));
  });

  for (const [family, options] of Object.entries({ llama: LLAMA, opt: OPT })) {
    test(`goes with uneven ${family} exports, and what is said of them is true`, async () => {
      const make = (shape: ModelShape): Subnet => randomMasks(shape, 3);
      const { dir, report, config } = await write(`${family}-uneven`, options, make);
      const classes = MODELING_CLASSES.get(family)!;
      assert.deepEqual(config['auto_map'], autoMapOf(classes));
      assert.deepEqual(config['architectures'], [classes.causal]);
      assert.equal(config['model_type'], `subnet_${family}`);
      assert.equal(await readFile(join(dir, MODELING_FILE), 'utf8'), modelingSource(family));
      const readme = await readFile(join(dir, 'README.md'), 'utf8');
      const sentence = 'loads in transformers with trust_remote_code=True';
      assert.ok(readme.includes(`**This checkpoint ${sentence}.** ${report.loadable!.reason}`));
      const lines = exportText(report).replace(/\s+/g, ' ');
      assert.ok(lines.includes(`${sentence} (its README says why)`));
      assert.match(readme, /AutoModelForCausalLM\.from_pretrained\("\.", trust_remote_code=True\)/);
      assert.match(readme, /AutoTokenizer\.from_pretrained\("\.", trust_remote_code=False\)/);
    });

    test(`does not go with ${family} exports that stock classes build`, async () => {
      const { dir, report, config } = await write(`${family}-whole`, options, denseSubnet);
      assert.equal(config['auto_map'], undefined);
      assert.deepEqual(config['architectures'], [MODELING_CLASSES.get(family)!.stock]);
      assert.equal(config['model_type'], family);
      await assert.rejects(readFile(join(dir, MODELING_FILE)));
      const readme = await readFile(join(dir, 'README.md'), 'utf8');
      assert.ok(readme.includes('**This checkpoint loads in transformers as it is.**'));
      assert.ok(exportText(report).includes('loads in transformers as it is'));
      assert.doesNotMatch(readme, /trust_remote_code/);
    });
  }

  test('is not left behind by an earlier export to the same folder', async () => {
    await write('again', LLAMA, (shape) => randomMasks(shape, 3));
    const { dir } = await write('again', LLAMA, denseSubnet);
    await assert.rejects(readFile(join(dir, MODELING_FILE)));
  });
});

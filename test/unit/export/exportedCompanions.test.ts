import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Companion } from '../../../src/engine/checkpoint/companions.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { openSource } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { exportCompressed } from '../../../src/engine/export/exportCompressed.ts';
import { exportedCompanions } from '../../../src/engine/export/exportedCompanions.ts';
import { withoutCode } from '../../../src/engine/export/withoutCode.ts';
import { denseSubnet, type Subnet } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import { F32, LLAMA, withZeros } from './candidates.ts';

const FOREIGN = {
  AutoConfig: 'foreign_module.Config',
  AutoModelForCausalLM: 'foreign_module.Model',
  AutoTokenizer: [null, 'somebody/else--foreign_module.ForeignTokenizer'],
};

function companion(name: string, content: unknown): Companion {
  const bytes = new TextEncoder().encode(JSON.stringify(content, null, 3));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { name, bytes, sha256, identity: name };
}

function settingsOf(files: ReturnType<typeof exportedCompanions>['files']): unknown {
  const found = files.find(({ name }) => name === 'tokenizer_config.json');
  assert.equal(typeof found?.data, 'string');
  return JSON.parse(found!.data as string);
}

describe('withoutCode', () => {
  test('drops what makes transformers look for code, however deep', () => {
    const clean = {
      model_type: 'llama',
      text_config: { sizes: [1, { deep: true }] },
      attn_implementation: 'sdpa',
      rope_scaling: null,
    };
    const hostile = {
      ...clean,
      auto_map: FOREIGN,
      custom_pipelines: { task: { impl: 'foreign_module.Pipeline' } },
      text_config: {
        auto_map: FOREIGN,
        sizes: [1, { deep: true, auto_map: FOREIGN }],
        _attn_implementation: 'somebody/kernels:attention',
      },
      quantization_config: { nested: { auto_map: FOREIGN } },
      experts_implementation: { '': 'somebody/kernels@main' },
      transformers_weights: 'other.bin',
    };
    assert.deepEqual(withoutCode(hostile), { ...clean, quantization_config: { nested: {} } });
  });
});

/** A tokenizer of the plain class gives our models nothing that they do not take. */
const PLAIN = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  model_input_names: ['input_ids', 'attention_mask'],
};

describe('exportedCompanions', () => {
  const tokenizer = companion('tokenizer.json', { model: {} });

  test('copies files without references to code byte for byte', () => {
    const settings = companion('tokenizer_config.json', { tokenizer_class: 'LlamaTokenizer' });
    const template = companion('chat_template.jinja', 'x');
    for (const ownType of [true, false]) {
      const { files, note } = exportedCompanions([tokenizer, settings, template], {}, ownType);
      assert.deepEqual(
        files.map(({ data }) => data),
        [tokenizer.bytes, settings.bytes, template.bytes],
      );
      assert.equal(note, null);
    }
  });

  test('replaces a tokenizer class that only code of the author has, and says so', () => {
    const forms: [settings: Record<string, unknown>, config: Record<string, unknown>][] = [
      [{ tokenizer_class: 'ForeignTokenizer', auto_map: FOREIGN }, {}],
      [{ auto_map: ['a.SlowTokenizer', 'a.ForeignTokenizer'], pad_token: '<p>' }, {}],
      [{}, { auto_map: FOREIGN }],
    ];
    for (const [settings, config] of forms) {
      const given = [tokenizer, companion('tokenizer_config.json', settings)];
      const { files, note } = exportedCompanions(given, config, false);
      const kept = { ...settings, ...PLAIN };
      delete (kept as Record<string, unknown>)['auto_map'];
      assert.deepEqual(settingsOf(files), kept);
      assert.match(note!, /\(ForeignTokenizer\) is code of its author/);
    }
  });

  test('names a tokenizer class under a model type that transformers does not know', () => {
    const bare = [tokenizer, companion('tokenizer_config.json', { pad_token: '<p>' })];
    assert.deepEqual(settingsOf(exportedCompanions(bare, {}, true).files), {
      pad_token: '<p>',
      ...PLAIN,
    });
    const { files } = exportedCompanions([tokenizer], { tokenizer_class: 'GPT2Tokenizer' }, true);
    assert.deepEqual(settingsOf(files), { tokenizer_class: 'GPT2Tokenizer' });
    assert.deepEqual(exportedCompanions([tokenizer], {}, false).files.length, 1);
  });
});

describe('a source that comes with code of its own', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'foreign-'));
    const config = {
      auto_map: FOREIGN,
      text_config: { auto_map: FOREIGN, hidden_size: 4 },
      section: { auto_map: FOREIGN },
      architectures: ['ForeignModel'],
    };
    await writeTinyModel(folder, { ...LLAMA, config });
    await writeFile(join(folder, 'foreign_module.py'), 'raise SystemExit("ran")');
    for (const name of ['tokenizer_config.json', 'generation_config.json']) {
      const path = join(folder, name);
      const before = await readFile(path, 'utf8').catch(() => '{}');
      const fields = JSON.parse(before) as Record<string, unknown>;
      await writeFile(path, JSON.stringify({ ...fields, auto_map: FOREIGN }));
    }
  });
  after(() => rm(folder, { recursive: true }));

  const kinds: Record<string, (shape: ModelShape) => Subnet> = {
    uneven: (shape) => randomMasks(shape, 4),
    stock: denseSubnet,
  };
  for (const [kind, make] of Object.entries(kinds)) {
    test(`leaves none of it in ${kind} exports`, async () => {
      const source = await openSource(folder);
      const weights = withZeros(await loadWeights(source));
      const subnet = make(weights.shape);
      const plain = join(folder, `${kind}-plain`);
      const packed = join(folder, `${kind}-packed`);
      await exportCheckpoint(plain, weights, subnet, source, F32);
      await exportCompressed(packed, weights, subnet, source, F32);
      for (const dir of [plain, packed]) {
        for (const name of await readdir(dir)) {
          if (name === 'model.safetensors' || name === 'README.md') continue;
          assert.doesNotMatch(await readFile(join(dir, name), 'utf8'), /foreign|Foreign/, name);
        }
        const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as object;
        // transformers would take its sizes for the model's.
        assert.ok(!('text_config' in config));
        assert.ok('section' in config);
        const readme = await readFile(join(dir, 'README.md'), 'utf8');
        assert.match(readme, /The tokenizer class of the source model \(ForeignTokenizer\)/);
        assert.doesNotMatch(readme, /AutoTokenizer.*trust_remote_code=True/);
      }
    });
  }
});

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { rawSafetensors } from '../../fixtures/rawSafetensors.ts';
import {
  checkRefusal,
  inPlaceOfWeights,
  only,
  WEIGHTS,
  type RefusedModel,
} from '../../fixtures/refusedModel.ts';

const INDEX = 'model.safetensors.index.json';
const SHARD = 'model-00002-of-00002.safetensors';

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${'ab'.repeat(32)}\nsize 269060552\n`;

const models: readonly RefusedModel[] = [
  {
    name: 'a pointer of Git LFS in place of the weights',
    spoil: inPlaceOfWeights(LFS),
    is: /^model\.safetensors is only a pointer of Git LFS/,
    action: /git lfs pull/,
  },
  {
    name: 'a pointer of Git LFS in place of config.json',
    spoil: (dir) => writeFile(join(dir, 'config.json'), LFS),
    is: /^config\.json is only a pointer of Git LFS/,
    action: /git lfs pull/,
  },
  {
    name: 'a pointer of Git LFS in place of the list of shards',
    options: { shards: 2 },
    spoil: (dir) => writeFile(join(dir, INDEX), LFS),
    is: /index\.json is only a pointer of Git LFS/,
    action: /git lfs pull/,
  },
  {
    name: 'a web page in place of the weights',
    spoil: inPlaceOfWeights('<!DOCTYPE html><html><body>Access is restricted</body></html>'),
    is: /is a web page/,
    action: /logged in/,
  },
  {
    name: 'a PyTorch file under the name of safetensors',
    spoil: inPlaceOfWeights('PK\x03\x04 archive/data.pkl'),
    is: /is a PyTorch file/,
    action: /save_pretrained/,
  },
  {
    name: 'a GGUF file under the name of safetensors',
    spoil: inPlaceOfWeights('GGUF\x03\0\0\0 and more'),
    is: /is a GGUF file/,
    action: /from which it was converted/,
  },
  {
    name: 'bytes that are nothing in particular',
    spoil: inPlaceOfWeights('just some text that somebody wrote'),
    is: /is no complete safetensors file/,
    action: /again/,
  },
  {
    name: 'a folder of GGUF files',
    spoil: only('model-Q4_K_M.gguf', 'README.md'),
    is: /holds a GGUF file \("model-Q4_K_M\.gguf"\)/,
    action: /from which it was converted/,
  },
  {
    name: 'a GGUF file beside config.json',
    spoil: only('config.json', 'model.gguf'),
    is: /holds a GGUF file/,
    action: /from which it was converted/,
  },
  ...['pytorch_model.bin', 'consolidated.00.pth', 'model.pt'].map((file) => ({
    name: `weights in ${file}`,
    spoil: only('config.json', file),
    is: /stored as a PyTorch file.*can run code/,
    action: /save_pretrained/,
  })),
  {
    name: 'weights of another library',
    spoil: only('config.json', 'tf_model.h5'),
    is: /in another format \("tf_model\.h5"\)/,
    action: /save_pretrained/,
  },
  {
    name: 'a PEFT adapter alone',
    spoil: only('adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json'),
    is: /a PEFT adapter \(LoRA\), not a whole model/,
    action: /merge_and_unload/,
  },
  {
    name: 'an adapter with a config.json',
    spoil: only('config.json', 'adapter_model.safetensors'),
    is: /a PEFT adapter/,
    action: /merge_and_unload/,
  },
  {
    name: 'a tokenizer alone',
    spoil: only('tokenizer.json', 'tokenizer_config.json'),
    is: /holds only a tokenizer/,
    action: /whole model folder/,
  },
  {
    name: 'weights without config.json',
    spoil: only(WEIGHTS),
    is: /safetensors files but no config\.json/,
    action: /config\.json and the safetensors files/,
  },
  {
    name: 'a model in the format of its author',
    spoil: only('params.json', 'consolidated.safetensors'),
    is: /its author's own format/,
    action: /version for transformers/,
  },
  {
    name: 'a folder of the Hugging Face cache',
    spoil: only('blobs', 'refs', 'snapshots'),
    is: /an entry of the Hugging Face cache/,
    action: /snapshots\/<revision>/,
  },
  {
    name: 'a pipeline of images',
    spoil: only('model_index.json'),
    is: /a diffusion pipeline/,
    action: /causal language model/,
  },
  {
    name: 'names in capitals',
    spoil: (dir) => rename(join(dir, 'config.json'), join(dir, 'CONFIG.JSON')),
    is: /named "CONFIG\.JSON"/,
    action: /Rename/,
  },
  {
    name: 'a config.json alone',
    spoil: only('config.json'),
    is: /holds config\.json but no weights/,
    action: /Download the safetensors/,
  },
  {
    name: 'a download that was not finished',
    spoil: only('config.json', 'model.safetensors.incomplete'),
    is: /not finished.*"model\.safetensors\.incomplete"/,
    action: /Download the model folder again/,
  },
  ...['config.json', WEIGHTS].map((file) => ({
    name: `a link in place of ${file} that leads nowhere`,
    spoil: async (dir: string) => {
      await rm(join(dir, file));
      await symlink(join(dir, 'gone'), join(dir, file));
    },
    is: /is a link to a file that is not there/,
    action: /Download the model again/,
  })),
  {
    name: 'shards without their list',
    options: { shards: 2 },
    spoil: (dir) => rm(join(dir, INDEX)),
    is: /in several files.*index\.json, which lists them, is missing/,
    action: /again/,
  },
  {
    name: 'a list with missing shards',
    options: { shards: 2 },
    spoil: (dir) => rm(join(dir, SHARD)),
    is: /^1 of the 2 weight files of the model are missing: "model-00002-of-00002/,
    action: /Download the missing files/,
  },
  {
    name: 'a shard that was not read to its end',
    options: { shards: 2 },
    spoil: (dir) => truncate(join(dir, SHARD), 20_000),
    is: /^model-00002-of-00002\.safetensors is cut short: it has 20000 of the \d+ bytes/,
    action: /Download the file again/,
  },
  {
    name: 'another file beside the shards',
    options: { shards: 2 },
    spoil: (dir) =>
      writeFile(
        join(dir, WEIGHTS),
        rawSafetensors({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, Buffer.of(1)),
      ),
    is: /both model\.safetensors and a list of shards/,
    action: /remove model\.safetensors/,
  },
];

describe('a refusal says what the files are and what to do', () => {
  for (const model of models) test(`for ${model.name}`, () => checkRefusal(model));
});

for (const [file, is] of [
  ['model.gguf', /model\.gguf is a GGUF file, not a model folder/],
  [WEIGHTS, /model\.safetensors is a file, not a model folder/],
] as const) {
  test(`the path of ${file} is refused as that of a file`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'refused-file-'));
    t.after(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, file), '');
    await assert.rejects(openCheckpoint(join(dir, file)), is);
  });
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { contentHash } from '../../../src/engine/checkpoint/contentHash.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';
import { tinyConfig, type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const SHARD = 'model-00002-of-00002.safetensors';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'checkpoint-'));
});
after(() => rm(root, { recursive: true }));

async function makeModel(options: TinyOptions = {}): Promise<string> {
  const dir = await mkdtemp(join(root, 'model-'));
  await writeTinyModel(dir, options);
  return dir;
}

async function editJson(
  path: string,
  edit: (json: Record<string, unknown>) => void,
): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  edit(json);
  await writeFile(path, JSON.stringify(json));
}

type Entries = ReturnType<typeof takeApart>['header'];

async function editHeader(path: string, edit: (header: Entries) => void): Promise<void> {
  const { header, data } = takeApart(await readFile(path));
  edit(header);
  await writeFile(path, rawSafetensors(header, data));
}

/** Opening and loading must fail with one error that says this. */
async function assertRefused(dir: string, message: RegExp): Promise<void> {
  await assert.rejects(
    openCheckpoint(dir).then((checkpoint) => loadWeights(checkpoint)),
    (error) => {
      assert.ok(isEngineError(error, 'checkpoint'), String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('openCheckpoint', () => {
  test('lists tensors that the model does not use', async () => {
    const dir = await makeModel();
    await editHeader(join(dir, WEIGHTS), (header) => {
      const last = Math.max(...Object.values(header).map((entry) => entry.data_offsets?.[1] ?? 0));
      header['rotary.inv_freq'] = { dtype: 'U8', shape: [0], data_offsets: [last, last] };
    });
    assert.deepEqual((await openCheckpoint(dir)).unused, ['rotary.inv_freq']);
  });

  test('finds the tensors of a checkpoint saved from the bare decoder', async () => {
    const dir = await makeModel();
    await editHeader(join(dir, WEIGHTS), (header) => {
      for (const name of Object.keys(header)) {
        if (!name.startsWith('model.')) continue;
        header[name.slice('model.'.length)] = header[name]!;
        delete header[name];
      }
    });
    const weights = await loadWeights(await openCheckpoint(dir));
    assert.equal(weights.layers.length, 2);
  });

  test('has a fingerprint that follows sizes and a hash that follows contents', async () => {
    const [a, b, other] = [await makeModel(), await makeModel(), await makeModel({ layers: 3 })];
    const [first, same, larger] = [
      await openCheckpoint(a),
      await openCheckpoint(b),
      await openCheckpoint(other),
    ];
    assert.equal(first.fingerprint, same.fingerprint);
    assert.notEqual(first.fingerprint, larger.fingerprint);
    assert.equal(await contentHash(first), await contentHash(same));
    const bytes = await readFile(join(b, WEIGHTS));
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(join(b, WEIGHTS), bytes);
    const altered = await openCheckpoint(b);
    assert.equal(altered.fingerprint, first.fingerprint);
    assert.notEqual(await contentHash(altered), await contentHash(first));
  });

  test('reads through the links of a download cache, which stay inside it', async () => {
    const cache = join(root, 'models--x');
    const snapshot = join(cache, 'snapshots', 'abc');
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(cache, 'blobs'));
    const dir = await makeModel();
    for (const file of ['config.json', WEIGHTS]) {
      await copyFile(join(dir, file), join(cache, 'blobs', `blob-${file}`));
      await symlink(join('..', '..', 'blobs', `blob-${file}`), join(snapshot, file));
    }
    assert.equal((await openCheckpoint(snapshot)).shape.layers, 2);
  });
});

describe('a model folder is refused', () => {
  test('when it is not there, or a file, or empty', async () => {
    await assertRefused(join(root, 'nowhere'), /There is no model folder/);
    const file = join(root, 'file');
    await writeFile(file, '');
    await assertRefused(file, /is a file, not a model folder/);
    await assertRefused(
      await mkdtemp(join(root, 'empty-')),
      /holds no model: it has no config\.json/,
    );
  });

  test('when it has no safetensors file', async () => {
    const dir = await makeModel();
    await rename(join(dir, WEIGHTS), join(dir, 'pytorch_model.bin'));
    await assertRefused(dir, /stored as a PyTorch file/);
  });

  test('when a file is a circle of links, a folder, a device or a pipe', async () => {
    const dir = await makeModel();
    await rm(join(dir, WEIGHTS));
    await symlink(WEIGHTS, join(dir, WEIGHTS));
    await writeFile(join(dir, INDEX), JSON.stringify({ weight_map: { a: WEIGHTS } }));
    await assertRefused(dir, /a circle of links/);
    await rm(join(dir, WEIGHTS));
    await mkdir(join(dir, WEIGHTS));
    await assertRefused(dir, /a plain file/);
    if (process.platform === 'win32') return;
    await rm(join(dir, WEIGHTS), { recursive: true });
    execFileSync('mkfifo', [join(dir, WEIGHTS)]);
    await assertRefused(dir, /is a named pipe, not a plain file/);
    await rm(join(dir, WEIGHTS));
    await symlink('/dev/zero', join(dir, WEIGHTS));
    await assertRefused(dir, /is a device, not a plain file/);
  });

  test('when the architecture is unknown, with the list of those supported', async () => {
    await assertRefused(
      await makeModelWithType('mamba'),
      /"mamba".* are llama, mistral, .* and opt\./,
    );
    await assertRefused(await makeModelWithType(undefined), /"model_type" is missing/);
    await assertRefused(await makeModelWithType(['llama']), /is \["llama"\]/);
  });

  test('when the weights are quantised', async () => {
    const dir = await makeModel({ config: { quantization_config: { quant_method: 'gptq' } } });
    await assertRefused(dir, /quantised \("gptq"\)/);
    const stored = await makeModel({ dtype: 'F32' });
    await editHeader(join(stored, WEIGHTS), (header) => {
      header['model.norm.weight']!.dtype = 'I32';
    });
    await assertRefused(stored, /stores tensor "model.norm.weight" as "I32"/);
  });

  test('when a tensor is missing or has another shape than the configuration says', async () => {
    const missing = await makeModel({ config: { attention_bias: true } });
    await editHeader(join(missing, WEIGHTS), (header) => {
      header['renamed'] = header['model.layers.1.self_attn.o_proj.bias']!;
      delete header['model.layers.1.self_attn.o_proj.bias'];
    });
    await assertRefused(
      missing,
      /no tensor "model.layers.1.self_attn.o_proj.bias" of shape \[32\]/,
    );
    const other = await makeModel();
    await editJson(join(other, 'config.json'), (config) => (config['intermediate_size'] = 60));
    await assertRefused(
      other,
      /gate_proj.weight" has the shape \[60, 32\], but .* the shape \[64, 32\]/,
    );
  });

  test('when a weight is NaN or infinite, naming it', async () => {
    const dir = await makeModel({ dtype: 'BF16' });
    const path = join(dir, WEIGHTS);
    const bytes = await readFile(path);
    const { header, data } = takeApart(bytes);
    const [begin] = header['model.layers.1.mlp.down_proj.weight']!.data_offsets;
    bytes.writeUInt16LE(0x7fc0, bytes.length - data.length + begin + 2 * 77);
    await writeFile(path, bytes);
    await assertRefused(dir, /down_proj.weight" in model.safetensors holds NaN at element 77/);
  });

  test('when the file is cut short, before or after opening', async () => {
    const dir = await makeModel();
    const bytes = await readFile(join(dir, WEIGHTS));
    const checkpoint = await openCheckpoint(dir);
    await writeFile(join(dir, WEIGHTS), bytes.subarray(0, bytes.length - 10));
    await assertRefused(dir, /is cut short/);
    await assert.rejects(loadWeights(checkpoint), (error) => isEngineError(error, 'checkpoint'));
  });

  test('when the weights are swapped for others after opening', async () => {
    const dir = await makeModel();
    const weights = join(dir, WEIGHTS);
    const checkpoint = await openCheckpoint(dir);
    const hash = await contentHash(checkpoint);
    const bytes = await readFile(weights);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(`${weights}.other`, bytes);
    // The same size and header: only what file it is tells them apart.
    await rename(`${weights}.other`, weights);
    const swapped = (error: unknown): boolean =>
      isEngineError(error, 'checkpoint') && /was replaced or changed/.test(error.message);
    await assert.rejects(loadWeights(checkpoint), swapped);
    await assert.rejects(contentHash(checkpoint), swapped);
    assert.notEqual(await contentHash(await openCheckpoint(dir)), hash);
  });

  test('when weights are written to while they are loaded', async () => {
    const dir = await makeModel();
    const checkpoint = await openCheckpoint(dir);
    let written = false;
    const loading = loadWeights(checkpoint, {
      onProgress: (loaded, total) => {
        if (written || loaded < total) return;
        written = true;
        const handle = openSync(join(dir, WEIGHTS), 'r+');
        writeSync(handle, Buffer.of(0), 0, 1, checkpoint.files[0]!.bytes - 1);
        closeSync(handle);
      },
    });
    await assert.rejects(loading, (error) => isEngineError(error, 'checkpoint'));
    assert.ok(written);
  });

  const shardFaults: [string, RegExp, (dir: string) => Promise<void>][] = [
    ['a shard is missing', /1 of the 2 weight files/, (dir) => rm(join(dir, SHARD))],
    ['the list is no JSON', /not JSON/, (dir) => writeFile(join(dir, INDEX), '{')],
    ['the list has no map', /weight_map/, (dir) => writeFile(join(dir, INDEX), '{}')],
    [
      'the list is longer than that of any model',
      /index\.json lists more than \d+ tensors have/,
      (dir) => writeFile(join(dir, INDEX), `{"weight_map":{${'"":"",'.repeat(65_536)}"":""}}`),
    ],
    [
      'the map is empty',
      /names no tensor/,
      (dir) => writeFile(join(dir, INDEX), '{"weight_map":{}}'),
    ],
    ['a shard is no name', /gives 3 as the file of "a"/, (dir) => putInMap(dir, 'a', 3)],
    ['a shard leaves the folder', /may leave/, (dir) => putInMap(dir, 'a', '../x.safetensors')],
    ['a shard is an absolute path', /may leave/, (dir) => putInMap(dir, 'a', '/etc/passwd')],
    ['a shard is a Windows path', /may leave/, (dir) => putInMap(dir, 'a', 'C:x')],
    [
      'a tensor is there twice',
      /is in two files/,
      async (dir) => {
        await copyFile(join(dir, SHARD), join(dir, 'copy.safetensors'));
        await putInMap(dir, 'extra', 'copy.safetensors');
      },
    ],
  ];
  for (const [what, message, spoil] of shardFaults) {
    test(`when ${what}`, async () => {
      const dir = await makeModel({ shards: 2 });
      await spoil(dir);
      await assertRefused(dir, message);
    });
  }

  async function makeModelWithType(type: unknown): Promise<string> {
    const dir = await makeModel();
    await writeFile(
      join(dir, 'config.json'),
      JSON.stringify({ ...tinyConfig(), model_type: type }),
    );
    return dir;
  }

  function putInMap(dir: string, tensor: string, file: unknown): Promise<void> {
    return editJson(join(dir, INDEX), (json) => {
      (json['weight_map'] as Record<string, unknown>)[tensor] = file;
    });
  }
});

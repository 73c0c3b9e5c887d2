import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkpointNotes } from '../../../src/engine/checkpoint/checkpointNotes.ts';
import { inspectReportOf } from '../../../src/engine/checkpoint/inspectReport.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import {
  openCheckpoint,
  openSliced,
  openSource,
} from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { exportCheckpoint } from '../../../src/engine/export/exportCheckpoint.ts';
import { readSubnetCheckpoint } from '../../../src/engine/export/readSubnetCheckpoint.ts';
import { storageOf } from '../../../src/engine/export/storage.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { rawSafetensors, takeApart } from '../../fixtures/rawSafetensors.ts';
import { type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'odd-checkpoints-'));
});
after(() => rm(root, { recursive: true }));

async function makeModel(options: TinyOptions = {}): Promise<string> {
  const dir = await mkdtemp(join(root, 'model-'));
  await writeTinyModel(dir, options);
  return dir;
}

async function load(dir: string): Promise<ModelWeights> {
  return loadWeights(await openCheckpoint(dir));
}

async function editConfig(dir: string, edit: (text: string) => string): Promise<void> {
  const path = join(dir, 'config.json');
  await writeFile(path, edit(await readFile(path, 'utf8')));
}

interface Stored {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Takes the tensors of a model apart, changes them, and writes them again one after the other. */
async function editTensors(dir: string, edit: (all: Map<string, Stored>) => void): Promise<void> {
  const path = join(dir, WEIGHTS);
  const { header, data } = takeApart(await readFile(path));
  const all = new Map<string, Stored>();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    if (name !== '__metadata__') {
      all.set(name, { dtype, shape, bytes: new Uint8Array(data.subarray(...offsets)) });
    }
  }
  edit(all);
  const written: Record<string, unknown> = {};
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of all) {
    written[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const whole = Buffer.concat([...all.values()].map(({ bytes }) => bytes));
  await writeFile(path, rawSafetensors(written, whole));
}

function floats({ bytes }: Stored): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

function halved(stored: Stored): Stored {
  const values = floats(stored).map((value) => value / 2);
  return { ...stored, bytes: new Uint8Array(values.buffer) };
}

test('a header whose length reads like the start of a pickle is a header', async () => {
  const dir = await makeModel();
  const path = join(dir, WEIGHTS);
  const bytes = await readFile(path);
  const old = Number(bytes.readBigUInt64LE(0));
  // Little-endian 0x80 0x02 … 0x80 0x05, as the protocols 2 to 5 of pickle begin.
  const length = [0x0280, 0x0380, 0x0480, 0x0580, 0x10280].find((one) => one >= old)!;
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(length));
  const padding = Buffer.alloc(length - old, ' ');
  await writeFile(
    path,
    Buffer.concat([prefix, bytes.subarray(8, 8 + old), padding, bytes.subarray(8 + old)]),
  );
  assert.equal((await readFile(path))[0], 0x80);
  assert.equal((await load(dir)).shape.layers, 2);
});

describe('a head that the configuration ties to the embedding table', () => {
  test('is the one in the weights when that has other values, with a note', async () => {
    const dir = await makeModel();
    let head: Float32Array | undefined;
    await editTensors(dir, (all) => {
      all.set(HEAD, halved(all.get(EMBEDDING)!));
      head = floats(all.get(HEAD)!);
    });
    const checkpoint = await openSource(dir);
    assert.equal(checkpoint.shape.tiedEmbeddings, false);
    assert.deepEqual(checkpoint.unused, []);
    const weights = await loadWeights(checkpoint);
    assert.deepEqual(weights.head, head);
    assert.notDeepEqual(weights.head, weights.embedding);
    const { notes, params } = inspectReportOf(checkpoint);
    assert.match(notes.join(), /weights hold another one, "lm_head.weight"/);
    // Both tables are counted.
    assert.equal(params, inspectReportOf(await openCheckpoint(await makeModel())).params + 96 * 32);

    // The export says what the weights are, and reads back with both.
    const exported = join(root, 'untied-export');
    const origin = { sourceFingerprint: '0'.repeat(64), engineVersion: '0' };
    const options = { ...storageOf('source', checkpoint), origin };
    await exportCheckpoint(exported, weights, denseSubnet(weights.shape), checkpoint, options);
    const back = await readSubnetCheckpoint(exported);
    assert.deepEqual(back.weights.head, head);
    assert.equal((await openSliced(exported)).config['tie_word_embeddings'], false);
  });

  test('is the table when the weights hold a copy of it, of the same type or another', async () => {
    const dir = await makeModel({ dtype: 'BF16' });
    for (const widen of [false, true]) {
      await editTensors(dir, (all) => {
        const table = all.get(EMBEDDING)!;
        all.set(HEAD, widen ? asFloat32(table) : table);
      });
      const checkpoint = await openCheckpoint(dir);
      assert.equal(checkpoint.shape.tiedEmbeddings, true);
      assert.deepEqual(checkpointNotes(checkpoint), []);
    }
  });

  test('is found when only the last value differs', async () => {
    const dir = await makeModel();
    await editTensors(dir, (all) => {
      const values = floats(all.get(EMBEDDING)!);
      values[values.length - 1]! += 1;
      all.set(HEAD, { ...all.get(EMBEDDING)!, bytes: new Uint8Array(values.buffer) });
    });
    assert.equal((await openCheckpoint(dir)).shape.tiedEmbeddings, false);
  });

  test('stands in for the table when only the head was saved', async () => {
    const dir = await makeModel();
    const { embedding } = await load(dir);
    await editTensors(dir, (all) => {
      all.set(HEAD, all.get(EMBEDDING)!);
      all.delete(EMBEDDING);
    });
    assert.deepEqual((await load(dir)).embedding, embedding);
  });
});

describe('tensors that nothing reads', () => {
  test('are named, but not more of them than a person reads', async () => {
    const dir = await makeModel();
    await editTensors(dir, (all) => {
      const empty = { dtype: 'F32', shape: [0], bytes: new Uint8Array(0) };
      for (let i = 0; i < 1000; i++) all.set(`extra.${i}.${'x'.repeat(1000)}`, empty);
    });
    const { notes } = inspectReportOf(await openCheckpoint(dir));
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, /^1000 tensors are not read.*"extra\.0\.x.* and 992 more\.$/);
    assert.ok(notes[0]!.length < 1500);
  });

  test('are those of blocks that the configuration leaves out, and of biases', async () => {
    const layers = await makeModel({ layers: 3 });
    await editConfig(layers, (text) =>
      text.replace('"num_hidden_layers": 3', '"num_hidden_layers": 2'),
    );
    const [note] = checkpointNotes(await openCheckpoint(layers));
    assert.match(note!, /a llama model of 2 blocks .*"model\.layers\.2\./);
    const biased = await makeModel({ config: { attention_bias: true } });
    await editConfig(biased, (text) =>
      text.replace('"attention_bias": true', '"attention_bias": false'),
    );
    assert.match(
      checkpointNotes(await openCheckpoint(biased)).join(),
      /8 tensors are not read.*bias"/,
    );
  });

  test('may be of types that we do not know, and of old rotary tables without a note', async () => {
    const dir = await makeModel();
    await editTensors(dir, (all) => {
      all.set('newer', { dtype: 'F4', shape: [6], bytes: new Uint8Array(3) });
      all.set('model.layers.0.self_attn.rotary_emb.inv_freq', {
        ...{ dtype: 'F32', shape: [1], bytes: new Uint8Array(4) },
      });
    });
    const [note, ...more] = checkpointNotes(await openCheckpoint(dir));
    assert.match(note!, /^1 tensor is not read.* for it: "newer"\.$/);
    assert.deepEqual(more, []);
  });
});

describe('complete checkpoints with harmless oddities are read', () => {
  test('with tensors of float64, which exports store as float32', async () => {
    const dir = await makeModel();
    const before = await load(dir);
    await editTensors(dir, (all) => {
      for (const name of ['model.norm.weight', 'model.layers.1.mlp.down_proj.weight']) {
        const values = Float64Array.from(floats(all.get(name)!));
        all.set(name, { ...all.get(name)!, dtype: 'F64', bytes: new Uint8Array(values.buffer) });
      }
    });
    assert.deepEqual(await load(dir), before);
    const checkpoint = await openCheckpoint(dir);
    assert.equal(inspectReportOf(checkpoint).dtype, 'F64 and F32');
    assert.deepEqual(storageOf('source', checkpoint), { dtype: 'F32' });
  });

  for (const [family, base, attention] of [
    ['gpt2', 'transformer.', 'h.{layer}.attn'],
    ['gpt_neox', 'gpt_neox.', 'layers.{layer}.attention'],
  ] as const) {
    test(`with the names of the decoder alone and the buffers of older ${family}`, async () => {
      const dir = await makeModel({ family });
      const before = await load(dir);
      await editTensors(dir, (all) => {
        for (const [name, stored] of [...all]) {
          all.delete(name);
          all.set(name.replace(base, ''), stored);
        }
        for (const layer of [0, 1]) {
          const name = attention.replace('{layer}', String(layer));
          const bytes = new Uint8Array(4);
          all.set(`${name}.bias`, { dtype: 'U8', shape: [1, 1, 2, 2], bytes });
          all.set(`${name}.masked_bias`, { dtype: 'F32', shape: [], bytes });
          all.set(`${name}.rotary_emb.inv_freq`, { dtype: 'F32', shape: [1], bytes });
        }
      });
      const checkpoint = await openCheckpoint(dir);
      assert.deepEqual(checkpointNotes(checkpoint), []);
      assert.deepEqual(await loadWeights(checkpoint), before);
    });
  }

  test('with numbers in config.json that only Python writes', async () => {
    const dir = await makeModel();
    const before = await load(dir);
    await editConfig(dir, (text) =>
      text.replace('{', '{ "limit": Infinity, "a \\"Infinity": [-Infinity, NaN], "name": "NaN",'),
    );
    const checkpoint = await openCheckpoint(dir);
    assert.deepEqual(await loadWeights(checkpoint), before);
    assert.equal(checkpoint.config['limit'], Infinity);
    assert.deepEqual(checkpoint.config['a "Infinity'], [-Infinity, 'NaN']);
    await editConfig(dir, (text) => text.replace('"rms_norm_eps": 0.00001', '"rms_norm_eps": NaN'));
    await assert.rejects(
      openCheckpoint(dir),
      /"rms_norm_eps" in config.json must be a number from 0, not "NaN"/,
    );
  });

  test('with an epsilon of zero', async () => {
    const dir = await makeModel({ config: { rms_norm_eps: 0 } });
    assert.equal((await openCheckpoint(dir)).shape.norm.epsilon, 0);
  });

  test('with a llama3 scaling that does not name the original length', async () => {
    const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const named = { ...scaling, original_max_position_embeddings: 256 };
    const [one, other] = await Promise.all(
      [scaling, named].map(async (rope_scaling) =>
        openCheckpoint(await makeModel({ config: { rope_scaling } })),
      ),
    );
    assert.deepEqual(one!.shape.positions, other!.shape.positions);
  });

  test('with a list of shards that names a tensor of none', async () => {
    const dir = await makeModel({ shards: 2 });
    const path = join(dir, INDEX);
    const list = JSON.parse(await readFile(path, 'utf8')) as { weight_map: Record<string, string> };
    const before = await load(dir);
    list.weight_map[HEAD] = 'model-00002-of-00002.safetensors';
    list.weight_map[EMBEDDING] = 'model-00002-of-00002.safetensors';
    await writeFile(path, JSON.stringify(list));
    assert.deepEqual(await load(dir), before);
  });

  test('behind links to the folder and to each file', async () => {
    const dir = await makeModel();
    const before = await load(dir);
    const linked = await mkdtemp(join(root, 'links-'));
    for (const file of ['config.json', WEIGHTS]) await symlink(join(dir, file), join(linked, file));
    await symlink(linked, `${linked}-folder`);
    assert.deepEqual(await load(`${linked}-folder`), before);
  });
});

/** Stored bfloat16 as float32: zeros after the 16 bits. */
function asFloat32({ shape, bytes }: Stored): Stored {
  const wide = new Uint8Array(bytes.length * 2);
  for (let i = 0; i < bytes.length; i += 2) wide.set(bytes.subarray(i, i + 2), 2 * i + 2);
  return { dtype: 'F32', shape, bytes: wide };
}

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { withChanges } from '../../../src/engine/checkpoint/weightSource.ts';
import { loadWeights } from '../../../src/engine/checkpoint/loadWeights.ts';
import type { ModelWeights } from '../../../src/engine/checkpoint/modelWeights.ts';
import { type Checkpoint, openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { changedMaps, REFORMED_MAPS } from '../../../src/engine/export/reformedWeights.ts';
import { searchTimeLogits } from '../../../src/engine/export/searchTimeLogits.ts';
import {
  loadCandidate,
  readSubnetConfig,
  sha256Of,
  type SubnetFacts,
  writeSubnetConfig,
} from '../../../src/engine/export/subnetConfig.ts';
import { Runtime } from '../../../src/engine/runtime/runtime.ts';
import { type ErrorCode, isEngineError } from '../../../src/protocol/errors.ts';
import { mapNames, type MapName } from '../../../src/protocol/sparsityRecord.ts';
import { denseSubnet } from '../../../src/engine/model/subnet.ts';
import { randomMasks } from '../../fixtures/randomSubnet.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import {
  GPT2,
  LLAMA,
  NEOX,
  OPT,
  PHI3,
  randomWindows,
  reformed,
  searchTimeModel,
  withZeros,
} from './candidates.ts';

type Json = Record<string, unknown>;

describe('subnetConfig', () => {
  let folder: string;
  let source: Checkpoint;
  let weights: ModelWeights;
  const runtime = new Runtime('cpu', 2);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'subnet-'));
    await writeTinyModel(join(folder, 'source'), LLAMA);
    source = await openCheckpoint(join(folder, 'source'));
    weights = await loadWeights(source);
  });
  after(async () => {
    await runtime.release();
    await rm(folder, { recursive: true });
  });

  function factsOf(
    checkpoint: Checkpoint,
    isReformed: boolean,
    maps: readonly MapName[] = REFORMED_MAPS,
  ): SubnetFacts {
    return {
      source: { path: '../source', fingerprint: checkpoint.fingerprint },
      reformed: isReformed
        ? { maps, settings: { damping: 0.01 }, textSha256: sha256Of('calibration text') }
        : null,
      provenance: {
        runId: 'run-1',
        engineVersion: '0.0.0',
        seeds: { search: 7 },
        config: { ratio: 0.7 },
        figures: { dense: null },
      },
    };
  }

  async function load(
    path: string,
    checkpoint = source,
    dense = weights,
  ): ReturnType<typeof loadCandidate> {
    return loadCandidate(path, readSubnetConfig(path), checkpoint, dense);
  }

  for (const options of [LLAMA, OPT]) {
    test(`gives back the candidate of a reformed ${options.family ?? 'llama'}`, async () => {
      const model = join(folder, `model-${options.family}`);
      await writeTinyModel(model, options);
      const checkpoint = await openCheckpoint(model);
      const dense = await loadWeights(checkpoint);
      const search = searchTimeModel(runtime, dense.shape);
      const [window] = randomWindows(dense.shape.vocab, 1, 8);
      for (const seed of [1, 2, 3]) {
        const subnet = randomMasks(dense.shape, seed);
        const candidate = reformed(dense);
        const dir = join(folder, `reformed-${options.family}-${seed}`);
        const { path } = await writeSubnetConfig(dir, candidate, subnet, factsOf(checkpoint, true));
        const back = await load(path, checkpoint, dense);
        assert.deepEqual(back.subnet, subnet);
        assert.deepEqual(
          await searchTimeLogits(search, back.weights, back.subnet, window!),
          await searchTimeLogits(search, candidate, subnet, window!),
        );
        assert.equal((await back.weights.block(0)).q, dense.layers[0]!.q);
      }
    });
  }

  for (const options of [LLAMA, OPT, GPT2, PHI3, NEOX]) {
    test(`gives back every map that a sparse ${options.family ?? 'llama'} has changed`, async () => {
      const model = join(folder, `model-${options.family}`);
      await writeTinyModel(model, options);
      const checkpoint = await openCheckpoint(model);
      const dense = await loadWeights(checkpoint);
      const search = searchTimeModel(runtime, dense.shape);
      const [window] = randomWindows(dense.shape.vocab, 1, 8);
      const zeros = withZeros(dense).layers.map(({ q, k, v, o, gate, up, down }, l) => {
        const maps = { q, k, v, o, up, down };
        return [l, gate === null ? maps : { ...maps, gate }] as const;
      });
      const candidate = withChanges(dense, new Map(zeros));
      const maps = changedMaps(dense, candidate);
      assert.deepEqual(
        maps,
        mapNames.filter((map) => map !== 'gate' || dense.shape.mlp.gated),
      );
      for (const [name, subnet] of [
        ['narrow', randomMasks(dense.shape, 5)],
        ['whole', denseSubnet(dense.shape)],
      ] as const) {
        const dir = join(folder, `sparse-${options.family}-${name}`);
        const facts = factsOf(checkpoint, true, maps);
        const { path } = await writeSubnetConfig(dir, candidate, subnet, facts);
        const back = await load(path, checkpoint, dense);
        assert.deepEqual(
          await searchTimeLogits(search, back.weights, back.subnet, window!),
          await searchTimeLogits(search, candidate, subnet, window!),
        );
        assert.equal((await back.weights.block(0)).q.bias, dense.layers[0]!.q.bias);
      }
    });
  }

  test('reads older files, which name no maps: they hold o and down', async () => {
    const subnet = randomMasks(weights.shape, 6);
    const dir = join(folder, 'older');
    const facts = factsOf(source, true);
    const { path } = await writeSubnetConfig(dir, reformed(weights), subnet, facts);
    const now = await load(path);
    const config = JSON.parse(await readFile(path, 'utf8')) as { reformed: Json };
    assert.deepEqual(config.reformed['maps'], ['o', 'down']);
    delete config.reformed['maps'];
    await writeFile(path, JSON.stringify(config));
    assert.deepEqual((await load(path)).weights, now.weights);
  });

  test('needs no weights file when nothing was reformed', async () => {
    const dir = join(folder, 'raw');
    const subnet = randomMasks(weights.shape, 4);
    const written = await writeSubnetConfig(dir, weights, subnet, factsOf(source, false));
    assert.equal(written.bytes, (await readFile(written.path)).length);
    const back = await load(written.path);
    assert.equal(back.weights, weights);
    assert.deepEqual(back.subnet, subnet);
  });

  const damages: [string, ErrorCode, RegExp, (config: Json) => void][] = [
    ['an unknown version', 'decode', /\/schemaVersion/, (c) => (c['schemaVersion'] = 2)],
    ['an unknown field', 'decode', /subnet\.json/, (c) => (c['extra'] = 1)],
    ['a missing source', 'decode', /subnet\.json/, (c) => delete c['source']],
    [
      'sizes beyond any model',
      'decode',
      /\/source\/hidden/,
      (c) => ((c['source'] as Json)['hidden'] = 1e12),
    ],
    [
      'sizes of another model',
      'checkpoint',
      /another model than this one: its "hidden" is 40, not 48/,
      (c) => ((c['source'] as Json)['hidden'] = 48),
    ],
    [
      'another fingerprint',
      'checkpoint',
      /another model than this one: its files/,
      (c) => ((c['source'] as Json)['fingerprint'] = '0'.repeat(64)),
    ],
    [
      'a mask that is no text',
      'decode',
      /\/subnet\/layers\/1\/mlp/,
      (c) => (layersOf(c)[1]!['mlp'] = 5),
    ],
    [
      'a mask out of range',
      'decode',
      /subnet\.layers\[1\]\.mlp/,
      (c) => (layersOf(c)[1]!['mlp'] = '0-4294967295'),
    ],
    ['a missing block', 'decode', /subnet\.layers/, (c) => layersOf(c).pop()],
    ['an edited mask', 'decode', /subnet\.key/, (c) => (layersOf(c)[0]!['mlp'] = '1')],
    [
      'parameters that do not add up',
      'decode',
      /parameters/,
      (c) => ((c['parameters'] as Json)['block'] = 1),
    ],
    [
      'weights outside the folder',
      'checkpoint',
      /without folders/,
      (c) => ((c['reformed'] as Json)['file'] = '../source/model.safetensors'),
    ],
    [
      'weights at an absolute path',
      'checkpoint',
      /without folders/,
      (c) => ((c['reformed'] as Json)['file'] = '/etc/passwd'),
    ],
    [
      'weights behind a link',
      'checkpoint',
      /is a link, not a plain file/,
      (c) => ((c['reformed'] as Json)['file'] = 'link.safetensors'),
    ],
    [
      'weights that are absent',
      'checkpoint',
      /has no file gone\.safetensors/,
      (c) => ((c['reformed'] as Json)['file'] = 'gone.safetensors'),
    ],
    [
      'weights with another hash',
      'checkpoint',
      /has changed since/,
      (c) => ((c['reformed'] as Json)['sha256'] = '0'.repeat(64)),
    ],
  ];
  for (const [what, code, message, damage] of damages) {
    test(`refuses ${what}, naming the place`, async () => {
      const dir = join(folder, `bad-${what.replaceAll(' ', '-')}`);
      const subnet = randomMasks(weights.shape, 1);
      const facts = factsOf(source, true);
      const { path } = await writeSubnetConfig(dir, reformed(weights), subnet, facts);
      await symlink(join(folder, 'source', 'model.safetensors'), join(dir, 'link.safetensors'));
      const config = JSON.parse(await readFile(path, 'utf8')) as Json;
      damage(config);
      await writeFile(path, JSON.stringify(config));
      await assert.rejects(load(path), (error) => {
        assert.ok(isEngineError(error, code), String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test('refuses cut and scrambled files with one clear error each', async () => {
    const dir = join(folder, 'scrambled');
    const subnet = randomMasks(weights.shape, 1);
    const { path } = await writeSubnetConfig(dir, weights, subnet, factsOf(source, false));
    const text = await readFile(path, 'utf8');
    for (let cut = 0; cut < text.length - 2; cut += 97) {
      await writeFile(path, text.slice(0, cut));
      await assert.rejects(load(path), (error) => isEngineError(error, 'decode'));
      await writeFile(path, `${text.slice(0, cut)}${text.slice(cut + 40)}`);
      await load(path).catch((error: unknown) => assert.ok(isEngineError(error), String(error)));
    }
  });
});

function layersOf(config: Json): Json[] {
  return (config['subnet'] as Json)['layers'] as Json[];
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectReportOf } from '../../../src/engine/checkpoint/inspectReport.ts';
import { inspectCheckpoint } from '../../../src/engine/checkpoint/inspectCheckpoint.ts';
import { openCheckpoint } from '../../../src/engine/checkpoint/openCheckpoint.ts';
import { parameterCount } from '../../../src/engine/checkpoint/weightBytes.ts';
import { TINY_OPT_350M, type TinyOptions, writeTinyModel } from '../../fixtures/tinyModel.ts';

const cases: TinyOptions[] = [
  {},
  { tied: false, headDim: 12, config: { attention_bias: true, mlp_bias: true } },
  { family: 'opt' },
  { family: 'opt', tied: false, config: { enable_bias: false } },
  TINY_OPT_350M,
  { ...TINY_OPT_350M, tied: false },
  { family: 'gpt2' },
  { family: 'phi3', tied: false },
  { family: 'gpt_neox', tied: false },
];
for (const options of cases) {
  test(`the parts add up to the whole model for ${JSON.stringify(options)}`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'inspect-'));
    try {
      await writeTinyModel(dir, options);
      const checkpoint = await openCheckpoint(dir);
      const report = inspectCheckpoint(checkpoint);
      const stored = checkpoint.tensors.reduce(
        (sum, { located }) => sum + located.entry.elements,
        0,
      );
      assert.equal(report.parameters, stored);
      assert.equal(parameterCount(checkpoint.shape), stored);
      assert.equal(report.weightBytes, 4 * stored);
      assert.equal(report.sublayers.length, 4);
      assert.deepEqual(JSON.parse(JSON.stringify(report)), report, 'plain data');
    } finally {
      await rm(dir, { recursive: true });
    }
  });
}

test('attention under RoPE and grouped queries is counted in pairs shared by a group', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'inspect-'));
  await writeTinyModel(dir);
  const [attention, mlp] = inspectCheckpoint(await openCheckpoint(dir)).sublayers;
  await rm(dir, { recursive: true });
  // H 32, 4 query heads on 2 key/value heads of 8: a pair is 2 key rows and 4 query rows.
  const [qk, vo] = attention!.units;
  assert.deepEqual([qk?.units, qk?.groups, qk?.parametersPerUnit], [8, 2, 6 * 32]);
  assert.deepEqual([vo?.units, vo?.groups, vo?.parametersPerUnit], [16, 2, 3 * 32]);
  assert.match(qk!.note, /pair .* shared by 2 query heads/);
  assert.deepEqual([mlp?.units[0]?.units, mlp?.units[0]?.parametersPerUnit], [64, 96]);
});

test('heads that are rotated in part are told in pairs and single dimensions', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'inspect-'));
  await writeTinyModel(dir, { family: 'gpt_neox' });
  const checkpoint = await openCheckpoint(dir);
  const [attention] = inspectCheckpoint(checkpoint).sublayers;
  const [part] = inspectReportOf(checkpoint).parts;
  await rm(dir, { recursive: true });
  // H 32 with biases, 4 heads of 8: 2 pairs of 2 key and 2 query rows, 4 dimensions of one each.
  assert.deepEqual(
    attention!.units
      .filter(({ kind }) => kind === 'qk')
      .map(({ units, groups, parametersPerUnit }) => [units, groups, parametersPerUnit]),
    [
      [8, 4, 4 * 33],
      [16, 4, 2 * 33],
    ],
  );
  assert.equal(part!.units, 2 * 24);
  assert.equal(part!.params, 2 * (8 * 4 + 16 * 2) * 33);
  assert.match(part!.reason, /^A unit is a pair of .*, or a dimension of the query-key product\.$/);
});

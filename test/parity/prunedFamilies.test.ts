import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { FAMILIES } from '../../src/engine/checkpoint/families/registry.ts';
import { inspectReportOf } from '../../src/engine/checkpoint/inspectReport.ts';
import { loadWeights } from '../../src/engine/checkpoint/loadWeights.ts';
import type { ModelWeights } from '../../src/engine/checkpoint/modelWeights.ts';
import { openSource } from '../../src/engine/checkpoint/openCheckpoint.ts';
import { holds } from '../../src/engine/checkpoint/tensorTable.ts';
import { exportCheckpoint } from '../../src/engine/export/exportCheckpoint.ts';
import { exportOnnx } from '../../src/engine/export/exportOnnx.ts';
import { OnnxDecoder } from '../../src/engine/export/onnxDecoder.ts';
import { readSubnetCheckpoint } from '../../src/engine/export/readSubnetCheckpoint.ts';
import { searchTimeLogits } from '../../src/engine/export/searchTimeLogits.ts';
import type { ModelShape } from '../../src/engine/model/modelShape.ts';
import { denseSubnet, type Subnet } from '../../src/engine/model/subnet.ts';
import { Runtime } from '../../src/engine/runtime/runtime.ts';
import { maskedWeights } from '../fixtures/maskedWeights.ts';
import { randomMasks } from '../fixtures/randomSubnet.ts';
import { F32, searchTimeModel } from '../unit/export/candidates.ts';

/** Of the largest logit: two orders of float32 sums, some blocks deep. */
const TOLERANCE = 5e-5;

const runtime = new Runtime('cpu', 2);
const made = mkdtempSync(join(tmpdir(), 'families-'));
after(async () => {
  await runtime.release();
  rmSync(made, { recursive: true });
});

/**
 * Checks that an export is a model like any other: counted by the tensors in its file, and pruned and
 * exported again as if its source had been pruned at once.
 */
async function checkExportedAgain(
  dir: string,
  source: {
    readonly weights: ModelWeights;
    readonly logits: (of: ModelWeights, masks: Subnet) => Promise<Float32Array>;
  },
): Promise<void> {
  const again = await openSource(dir);
  const own = again.tensors.filter(({ spec }) => again.head !== 'copy' || !holds(spec, 'head'));
  const stored = own.reduce((sum, { located }) => sum + located.entry.elements, 0);
  assert.equal(inspectReportOf(again).params, stored);
  if (again.config['subnet'] !== undefined) return;
  const weights = await loadWeights(again);
  const { shape } = weights;
  const subnet = randomMasks(shape, 4);
  const expected = await source.logits(maskedWeights(source.weights, subnet), subnet);
  same(await source.logits(weights, subnet), expected, 'pruned again');
  const second = `${dir}-again`;
  await exportCheckpoint(second, weights, subnet, again, F32);
  const reread = await readSubnetCheckpoint(second);
  assert.deepEqual(reread.subnet, subnet);
  same(await source.logits(reread.weights, reread.subnet), expected, 'exported again');
  rmSync(second, { recursive: true });
}

const root = join(import.meta.dirname, 'fixtures');
for (const { name: family } of FAMILIES) {
  describe(`pruned checkpoints of ${family}`, () => {
    for (const folder of readdirSync(join(root, family)).sort()) {
      test(`${folder}: masked, sliced, exported and decoded are one model`, async () => {
        const source = await openSource(join(root, family, folder));
        const weights = await loadWeights(source);
        const { shape } = weights;
        const search = searchTimeModel(runtime, shape);
        // Longer than every window of the fixtures.
        const window = Uint32Array.from(
          { length: 20 },
          (_, t) => (5 + 7 * t + t * t) % shape.vocab,
        );
        const ragged = [1, 2, 3].map((seed) => randomMasks(shape, seed));
        for (const subnet of [denseSubnet(shape), withoutSublayers(shape), ...ragged]) {
          const logits = (of: typeof weights, masks: Subnet): Promise<Float32Array> =>
            searchTimeLogits(search, of, masks, window);
          const expected = await logits(maskedWeights(weights, subnet), denseSubnet(shape));
          same(await logits(weights, subnet), expected, 'sliced');

          const dir = join(made, family, folder);
          await exportCheckpoint(dir, weights, subnet, source, F32);
          const reread = await readSubnetCheckpoint(dir);
          same(await logits(reread.weights, reread.subnet), expected, 'reloaded');
          await checkExportedAgain(dir, { weights, logits });
          rmSync(dir, { recursive: true });

          const { path } = await exportOnnx(join(made, 'onnx'), weights, subnet, F32);
          const decoder = await OnnxDecoder.open(runtime, path);
          same((await decoder.step([window])).logits, expected, 'decoded at once');
          let cache = decoder.emptyCache(1);
          // A text that has grown beyond the positions of the first training is turned anew.
          const { positions } = shape;
          const beyond = positions.kind === 'rope' ? (positions.long?.beyond ?? 0) : 0;
          for (
            let from = 0, length = beyond + 1;
            from < window.length;
            from += length, length = 1 + (from % 5)
          ) {
            const step = await decoder.step([window.slice(from, from + length)], cache);
            const end = Math.min(window.length, from + length);
            const part = expected.subarray(from * shape.vocab, end * shape.vocab);
            same(step.logits, part, `decoded from token ${from}`);
            cache = step.cache;
          }
          await decoder.release();
        }
      });
    }
  });
}

/** The dense model whose blocks have lost, in turn, attention, the MLP and both. */
function withoutSublayers(shape: ModelShape): Subnet {
  const none = new Uint32Array(0);
  const layers = denseSubnet(shape).layers.map(({ heads, mlp }, l) => ({
    heads: l % 3 === 1 ? heads : heads.map(() => ({ qk: none, vo: none })),
    mlp: l % 3 === 0 ? mlp : none,
  }));
  return { layers };
}

function same(found: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(found.length, expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - found[i]!)), 0);
  assert.ok(off <= TOLERANCE * largest, `${what}: off by ${off / largest} of the largest logit`);
}

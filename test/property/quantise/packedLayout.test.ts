import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { writeExternalData } from '../../../src/engine/export/externalData.ts';
import {
  ACCURACY_LEVELS,
  emitIntegerMap,
  INTEGER_OPERATOR,
} from '../../../src/engine/export/integerMap.ts';
import { WeightPlan } from '../../../src/engine/export/weightPlan.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { GraphBuilder } from '../../../src/engine/onnx/graphBuilder.ts';
import { blocksOf, zeroCode } from '../../../src/engine/quantise/blockFormat.ts';
import { dequantised, type PackedWeight } from '../../../src/engine/quantise/packedWeight.ts';
import { roundWeight } from '../../../src/engine/quantise/roundWeight.ts';
import { float32Of, Runtime, tensorOf } from '../../../src/engine/runtime/runtime.ts';
import { propertyOptions } from '../propertyOptions.ts';

const runtime = new Runtime('cpu', 2);
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'integers-'));
});
after(async () => {
  await runtime.release();
  await rm(folder, { recursive: true });
});

const cases = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  outputs: fc.integer({ min: 1, max: 70 }),
  inputs: fc.integer({ min: 1, max: 300 }),
  tokens: fc.constantFrom(1, 2, 7),
  bits: fc.constantFrom(4 as const, 8 as const),
  blockSize: fc.constantFrom(16, 32, 64, 128, 256),
  zeros: fc.constantFrom(0, 0.5, 0.95),
});

function randomWeight(seed: number, length: number, zeros: number): Float32Array {
  const rng = rngFor(seed, 'weight');
  return Float32Array.from({ length }, () => (rng.uniform() < zeros ? 0 : rng.uniform() - 0.4));
}

/** A slow obvious reading of the layout, one weight at a time. */
function weightAt(packed: PackedWeight, output: number, input: number): number {
  const { format, inputs, codes, scales } = packed;
  const perRow = blocksOf(inputs, format);
  const block = Math.floor(input / format.blockSize);
  // Position of the code in a stream of codes of equal width, first ones in the lower bits.
  const place = (output * perRow + block) * format.blockSize + (input % format.blockSize);
  const bit = place * format.bits;
  let code = 0;
  for (let b = 0; b < format.bits; b++) {
    code += ((codes[(bit + b) >> 3]! >> ((bit + b) & 7)) & 1) << b;
  }
  return (code - zeroCode(format)) * scales[output * perRow + block]!;
}

test('integers read bit by bit are the weights they stand for', () => {
  fc.assert(
    fc.property(cases, ({ seed, outputs, inputs, bits, blockSize, zeros }) => {
      const weight = randomWeight(seed, outputs * inputs, zeros);
      const packed = roundWeight(weight, outputs, inputs, { bits, blockSize });
      const all = dequantised(packed);
      for (let i = 0; i < all.length; i++) {
        assert.equal(all[i], weightAt(packed, Math.floor(i / inputs), i % inputs));
        if (weight[i] === 0) assert.ok(all[i] === 0);
      }
    }),
    propertyOptions({ numRuns: 100 }),
  );
});

test(`${INTEGER_OPERATOR} computes with the weights that the integers stand for`, async () => {
  assert.equal(ACCURACY_LEVELS.float32, 1n);
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const { seed, outputs, inputs, tokens, bits, blockSize, zeros } = one;
      const format = { bits, blockSize };
      const random = randomWeight(seed, outputs * inputs, zeros);
      const weight = roundWeight(random, outputs, inputs, format);
      // Every third output is used twice, and zeros lie between.
      const spread = Array.from({ length: outputs + 3 }, (_, i) =>
        i % 3 === 0 ? -1 : i % outputs,
      );
      const rng = rngFor(seed, 'inputs');
      const x = Float32Array.from({ length: tokens * inputs }, () => rng.uniform() - 0.5);
      const values = dequantised(weight);
      for (const places of [null, spread]) {
        for (const accuracy of ['float32', 'int8'] as const) {
          const y = await product(weight, accuracy, places, x, tokens);
          const used = places ?? [...new Array(outputs).keys()];
          assert.equal(y.length, tokens * used.length);
          let [error, energy] = [0, 0];
          for (let t = 0; t < tokens; t++) {
            used.forEach((row, n) => {
              let want = 0;
              let size = 0;
              for (let k = 0; k < inputs && row >= 0; k++) {
                const term = x[t * inputs + k]! * values[row * inputs + k]!;
                want += term;
                size += term * term;
              }
              error += (y[t * used.length + n]! - want) ** 2;
              energy += size;
            });
          }
          // Sums of float32: 1e-5. An activation as a signed byte is off by 1/254 of the largest of
          // its block at most; the products scatter like their terms.
          const share = accuracy === 'float32' ? 1e-5 : 2e-2;
          assert.ok(Math.sqrt(error) <= share * Math.sqrt(energy) + 1e-12, `${accuracy}: ${error}`);
        }
      }
    }),
    propertyOptions({ numRuns: 30 }),
  );
});

async function product(
  weight: PackedWeight,
  accuracy: 'float32' | 'int8',
  spread: readonly number[] | null,
  x: Float32Array,
  tokens: number,
): Promise<Float32Array> {
  const graph = new GraphBuilder('map');
  const plan = new WeightPlan(graph, 'map.data', { dtype: 'F32' });
  const input = graph.input('x', 'float32', ['n', weight.inputs]);
  const y = emitIntegerMap(graph, plan, { name: 'w', weight, accuracy, spread }, input);
  graph.output('y', y, 'float32', ['n', 'm']);
  await writeExternalData(join(folder, 'map.data'), plan.tensors);
  await writeFile(join(folder, 'map.onnx'), graph.build());
  const session = await runtime.session(join(folder, 'map.onnx'));
  const result = await session.run1({ x: tensorOf(x, [tokens, weight.inputs]) });
  await session.release();
  return float32Of(result);
}

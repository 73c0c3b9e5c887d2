import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigReader } from '../../../src/engine/checkpoint/configReader.ts';
import { parseRope } from '../../../src/engine/checkpoint/families/rope.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';

function frequencies(config: Record<string, unknown>, headDim: number): number[] {
  const positions = parseRope(new ConfigReader(config), headDim, 2048);
  assert.ok(positions.kind === 'rope');
  assert.equal(positions.attentionFactor, 1);
  return [...positions.inverseFrequencies];
}

function assertClose(actual: number[], expected: number[], relative: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(actual[i]! - value) <= relative * value, `${i}: ${actual[i]} ${value}`);
  }
}

const LLAMA3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

/** Recorded from transformers 5.23 (float32) for D = 64, base 500,000 and the numbers above. */
const LLAMA3_REFERENCE = [
  1.0, 0.663601279, 0.440366626, 0.292227834, 0.193922758, 0.128687382, 0.0853971019, 0.0566696189,
  0.0376060307, 0.0249554086, 0.0165604409, 0.0109895291, 0.00729266508, 0.00483942125,
  0.00321144611, 0.00137189368, 0.000524846022, 0.000178507791, 7.78465546e-5, 5.16590699e-5,
  3.42810235e-5, 2.2748929e-5, 1.50962178e-5, 1.00178686e-5, 6.64786967e-6, 4.41153452e-6,
  2.92749974e-6, 1.94269251e-6, 1.28917316e-6, 8.55496921e-7, 5.6770881e-7, 3.7673226e-7,
];

describe('rotary frequencies', () => {
  test('fall from 1 by equal factors without scaling', () => {
    assertClose(frequencies({ rope_theta: 10_000 }, 8), [1, 0.1, 0.01, 0.001], 1e-14);
    assertClose(frequencies({}, 4), [1, 0.01], 1e-14);
    assertClose(frequencies({ rope_theta: 256, rope_scaling: null }, 4), [1, 1 / 16], 1e-14);
  });

  test('are read from the rope_parameters of transformers 5 alike', () => {
    const rope_parameters = { rope_type: 'default', rope_theta: 256 };
    assertClose(frequencies({ rope_parameters }, 4), [1, 1 / 16], 1e-14);
    const linear = { rope_parameters: { rope_type: 'linear', rope_theta: 256, factor: 4 } };
    assertClose(frequencies(linear, 4), [1 / 4, 1 / 64], 1e-14);
  });

  test('are divided by the factor under linear scaling, in the old form', () => {
    const config = { rope_theta: 10_000, rope_scaling: { type: 'linear', factor: 2 } };
    assertClose(frequencies(config, 4), [0.5, 0.005], 1e-14);
  });

  test('follow the llama3 rule in its three ranges, worked out by hand', () => {
    // Base 2^20 and D = 8 give 1, 2^-5, 2^-10, 2^-15. With 2π·2^10 … positions the turns made in
    // the original context are easy: turns = positions · frequency / 2π.
    const config = {
      rope_theta: 2 ** 20,
      rope_scaling: { ...LLAMA3, original_max_position_embeddings: 16_085 },
    };
    const turns = (16_085 * 2 ** -10) / (2 * Math.PI); // 2.5000…, between 1 and 4
    const smooth = (turns - 1) / 3; // 0.5000…
    const blended = (1 - smooth) * 2 ** -13 + smooth * 2 ** -10;
    assert.ok(Math.abs(smooth - 0.5) < 1e-4);
    assertClose(frequencies(config, 8), [1, 2 ** -5, blended, 2 ** -18], 1e-12);
  });

  test('equal those of transformers for Llama 3.1', () => {
    const both = [
      { rope_theta: 500_000, rope_scaling: LLAMA3 },
      { rope_parameters: { ...LLAMA3, rope_theta: 500_000 } },
    ];
    for (const config of both) assertClose(frequencies(config, 64), LLAMA3_REFERENCE, 1e-6);
  });

  const refused: [string, Record<string, unknown>, number][] = [
    ['an odd head width', {}, 7],
    ['another kind of scaling', { rope_scaling: { rope_type: 'longrope', factor: 2 } }, 8],
    ['no factor', { rope_scaling: { rope_type: 'linear' } }, 8],
    ['a factor of zero', { rope_scaling: { rope_type: 'linear', factor: 0 } }, 8],
    ['infinite frequencies', { rope_scaling: { type: 'linear', factor: 1e-320 } }, 8],
    ['missing original positions', { rope_scaling: { rope_type: 'llama3', factor: 8 } }, 8],
    ['bounds in the wrong order', { rope_scaling: { ...LLAMA3, high_freq_factor: 1 } }, 8],
    ['partial rotation', { partial_rotary_factor: 0.5 }, 8],
    ['a base that is no number', { rope_theta: '10000' }, 8],
    ['a scaling that is no object', { rope_scaling: 'linear' }, 8],
  ];
  for (const [what, config, headDim] of refused) {
    test(`are refused with one clear error for ${what}`, () => {
      assert.throws(
        () => frequencies(config, headDim),
        (error) => isEngineError(error, 'checkpoint'),
      );
    });
  }
});

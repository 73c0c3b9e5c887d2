import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type FoundPattern, PatternSurvey } from '../../../src/engine/export/patternSurvey.ts';
import { rngFor } from '../../../src/engine/numeric/rng.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

/** A matrix [outputs, inputs] in which n of m neighbours stay, drawn at random. */
function patterned(
  [outputs, inputs]: readonly [number, number],
  [n, m]: readonly [number, number],
  along: 'inputs' | 'outputs',
): Float32Array {
  const rng = rngFor(outputs * 131 + inputs, `${n}:${m}`);
  const values = new Float32Array(outputs * inputs);
  const [lines, length] = along === 'inputs' ? [outputs, inputs] : [inputs, outputs];
  for (let line = 0; line < lines; line++) {
    for (let from = 0; from < length; from += m) {
      const places = Array.from({ length: Math.min(m, length - from) }, (_, i) => from + i);
      for (let k = 0; k < n && places.length > 0; k++) {
        const place = places.splice(rng.int(places.length), 1)[0]!;
        values[along === 'inputs' ? line * inputs + place : place * inputs + line] = 1;
      }
    }
  }
  return values;
}

function survey(...matrices: [Float32Array, number, number][]): FoundPattern {
  const counted = new PatternSurvey();
  for (const matrix of matrices) counted.add(...matrix);
  return counted.found;
}

describe('a survey of patterns', () => {
  test('finds N:M along either dimension, last short groups included', () => {
    const sizes = fc.record({
      outputs: fc.integer({ min: 64, max: 130 }),
      inputs: fc.integer({ min: 64, max: 130 }),
      pattern: fc.constantFrom<[number, number]>([1, 2], [2, 4], [1, 4], [3, 4], [4, 8], [8, 16]),
      along: fc.constantFrom('inputs', 'outputs'),
    });
    const property = fc.property(sizes, ({ outputs, inputs, pattern, along }) => {
      const values = patterned([outputs, inputs], pattern, along);
      const found = survey([values, outputs, inputs]);
      assert.equal(found.pattern, pattern.join(':'));
      assert.equal(found.along, along);
      assert.equal(found.holdsAlongInputs, along === 'inputs');
      const kept = values.reduce((sum, value) => sum + value, 0);
      assert.equal(found.nonzeroFraction, kept / values.length);
      const allowed = along === 'inputs' && inputs % 4 === 0;
      const strict = pattern.join(':') === '2:4' || pattern.join(':') === '1:4';
      // Every second neighbour is also two of four.
      assert.equal(found.twoOfFour, allowed && (strict || pattern.join(':') === '1:2'));
    });
    fc.assert(property, propertyOptions({ numRuns: 60 }));
  });

  test('calls zeros without an order unstructured', () => {
    const rng = rngFor(1, 'zeros');
    const values = Float32Array.from({ length: 64 * 96 }, () => (rng.int(2) === 0 ? 0 : 1));
    const { nonzeroFraction, ...found } = survey([values, 64, 96]);
    const nothing = { pattern: 'unstructured', along: null, holdsAlongInputs: false };
    assert.deepEqual(found, { ...nothing, twoOfFour: false });
    assert.ok(Math.abs(nonzeroFraction - 0.5) < 0.05);
  });

  test('is spoilt by one weight in one group of one map', () => {
    const good = patterned([64, 64], [2, 4], 'inputs');
    const bad = good.map((value, i) => (i < 4 ? 1 : value));
    assert.equal(survey([good, 64, 64], [good, 64, 64]).twoOfFour, true);
    assert.equal(survey([good, 64, 64], [bad, 64, 64]).twoOfFour, false);
    assert.equal(survey([bad, 64, 64]).holdsAlongInputs, false);
  });

  test('holds 2:4 however empty the groups are', () => {
    const sparse = patterned([64, 64], [2, 4], 'inputs').map((value, i) => (i % 3 ? 0 : value));
    const { pattern, twoOfFour } = survey([sparse, 64, 64]);
    assert.deepEqual([pattern, twoOfFour], ['2:4', true]);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configHints } from '../../../src/configText/hints.ts';
import type { ModelFacts } from '../../../src/configText/modelFacts.ts';
import { tinyFacts } from './tinyFacts.ts';

/** The text with each hint where it is shown. */
function shown(text: string, model: ModelFacts | null = tinyFacts): string {
  let result = text;
  for (const { offset, label } of [...configHints(text, model)].reverse()) {
    result = `${result.slice(0, offset)} «${label}»${result.slice(offset)}`;
  }
  return result;
}

test('shows what a config keeps and computes', () => {
  const text = `{
  "model": "m",
  "ratio": 0.7,
  "text": "t",
  "calibration": { "windows": 128, "length": 256 },
  "search": { "preset": "quick", "windows": 16 },
}`;
  assert.equal(
    shown(text),
    `{
  "model": "m" «llama · 8 blocks · 1.84 M · 3.68 MB»,
  "ratio": 0.7 «keeps 1.10 M of 1.57 M · model 74.3%»,
  "text": "t",
  "calibration": { "windows": 128, "length": 256 «= 32,768 tokens · 33.6 MB» },
  "search": { "preset": "quick" «216 candidates, each on 16 × 256 tokens», "windows": 16 «= 4,096 tokens a candidate» },
}`,
  );
});

test('keeps every figure within what the editor shows of one', () => {
  // The default of the setting editor.inlayHints.maximumLength.
  const most = 43;
  const large = {
    ...tinyFacts,
    summary: {
      ...tinyFacts.summary,
      family: 'llama',
      layers: 126,
      params: 405_123_000_000,
      blockParams: 400_123_000_000,
      hidden: 16_384,
    },
    maxPositions: 131_072,
    bytes: 810_000_000_000,
  };
  const text =
    '{ "model": "m", "ratio": 0.725, "text": "t", "calibration": { "windows": 128 }, "search": { "preset": "methodA", "windows": 16 } }';
  const labels = configHints(text, large).map(({ label }) => label);
  assert.ok(labels.length >= 5);
  for (const label of labels) assert.ok(label.length <= most, label);
});

test('counts the candidates behind the fields that set them', () => {
  const text =
    '{ "model": "m", "ratio": 0.7, "text": "t", "search": { "population": 50, "top": 5, "mutations": 20, "crossovers": 20, "generations": 3 } }';
  assert.match(shown(text), /"generations": 3 «= 200 candidates»/);
});

test('says where the model is shorter than a window', () => {
  const text = '{ "model": "m", "ratio": 0.7, "text": "t", "calibration": { "length": 2048 } }';
  assert.match(shown(text), /2048 «the model takes 512» «= 65,536 tokens/);
  assert.match(shown(text, null), /2048 «= 262 k tokens» \}/);
});

test('spreads the kept share evenly in the tooltip', () => {
  const text = '{ "model": "m", "ratio": 0.5, "text": "t" }';
  const tooltip = configHints(text, tinyFacts)[1]!.tooltip;
  assert.match(
    tooltip,
    /8 of 16 query\/key units and 16 of 32 value units of a head, and 192 of 384/,
  );
});

test('shows only the model while something is wrong, and nothing without an object', () => {
  assert.deepEqual(configHints('{ "model": "m", "ratio": 7 }', tinyFacts).length, 1);
  assert.deepEqual(configHints('{ "model": "m", "ratio": 7 }', null), []);
  assert.deepEqual(configHints('[]', tinyFacts), []);
});

test('has nothing to say of a search that is off', () => {
  const text =
    '{ "model": "m", "ratio": 0.7, "text": "t", "search": { "enabled": false, "windows": 3 } }';
  assert.doesNotMatch(shown(text), /candidate/);
});

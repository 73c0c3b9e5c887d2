import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mostCalibrationTokens, planTokens } from '../../../src/engine/pipeline/tokenPlan.ts';
import { resolveConfig } from '../../../src/engine/runs/resolveConfig.ts';
import type { TextTokenizer } from '../../../src/engine/tokenizer/loadTokenizer.ts';
import { parseRunConfig } from '../../../src/protocol/parseRunConfig.ts';
import { tinyShape } from '../../fixtures/tinyModel.ts';

const folder = mkdtempSync(join(tmpdir(), 'token-plan-'));
after(() => {
  rmSync(folder, { recursive: true });
});

/** Each character is a token that tells its own place, so that overlaps show. */
const places: TextTokenizer = {
  encode: async (text, { most = Infinity } = {}) => {
    let length = 0;
    for await (const chunk of text) length += chunk.length;
    return Uint32Array.from({ length: Math.min(length, most) }, (_, i) => i);
  },
  release: () => undefined,
};

function resolved(config = '', evaluation = '') {
  const text =
    `{"model":"m","ratio":0.7,"text":"text.txt","calibration":{"windows":20,"length":32},` +
    `"search":{"windows":8,"length":16},"evaluation":{"context":32${evaluation}}${config}}`;
  return resolveConfig(parseRunConfig(text, 'a'), join(folder, 'a.subnet.jsonc'));
}

function plan(characters: number, config = '', tokenizer = places) {
  writeFileSync(join(folder, 'text.txt'), 'x'.repeat(characters));
  return planTokens(resolved(config), tinyShape(), tokenizer, new AbortController().signal);
}

test('no token is in two of the three groups', async () => {
  const { calibration, search, heldout } = await plan(4000);
  const seen = new Map<number, string>();
  for (const [name, windows] of Object.entries({ calibration, search, heldout })) {
    for (const token of windows.flatMap((window) => [...window])) {
      assert.ok((seen.get(token) ?? name) === name, `${token} is in two groups`);
      seen.set(token, name);
    }
  }
  assert.deepEqual([calibration.length, search.length, heldout.length], [20, 8, 12]);
});

test('both groups come from all of the text', async () => {
  const { calibration, search } = await plan(4000);
  for (const windows of [calibration, search]) {
    const starts = windows.map((window) => window[0]!);
    assert.ok(Math.min(...starts) < 1200 && Math.max(...starts) > 2400, starts.join(' '));
  }
});

test('the same seed draws the same windows, another seed others', async () => {
  const [one, again, other] = [await plan(4000), await plan(4000), await plan(4000, ',"seed":5')];
  assert.deepEqual(one, again);
  assert.notDeepEqual(one.search, other.search);
});

test('a text of a few windows gives all it has', async () => {
  const { calibration, search, heldout } = await plan(400);
  assert.deepEqual([calibration.length, search.length, heldout.length], [8, 5, 1]);
});

test('a long calibration text is read no further than sixteen times what is needed', async () => {
  const asked: (number | undefined)[] = [];
  const counting: TextTokenizer = {
    ...places,
    encode: (text, options) => {
      asked.push(options?.most);
      return places.encode(text, options);
    },
  };
  await plan(4000, ',"heldout":"text.txt"', counting);
  assert.deepEqual(asked, [4_000_000, undefined]);
  const shape = tinyShape();
  const most = (config: string, evaluation = ''): number =>
    mostCalibrationTokens(resolved(config, evaluation), shape);
  // The search gets a quarter: 65,536 windows of 16 tokens need 4,194,304.
  const config = resolved(',"heldout":"text.txt"');
  const search = { ...config.search, windows: 65_536 };
  assert.equal(mostCalibrationTokens({ ...config, search }, shape), 67_108_864);
  // All of the last tenth is evaluated, so all of the text is needed; or a part of it.
  assert.equal(most(''), Infinity);
  assert.equal(most('', ',"maxWindows":100'), 4_000_000);
  assert.equal(most('', ',"maxWindows":100000'), 16 * 32 * 1_000_000);
});

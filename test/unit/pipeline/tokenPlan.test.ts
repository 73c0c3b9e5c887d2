import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { planTokens } from '../../../src/engine/pipeline/tokenPlan.ts';
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

function plan(characters: number, config = '') {
  writeFileSync(join(folder, 'text.txt'), 'x'.repeat(characters));
  const text =
    `{"model":"m","ratio":0.7,"text":"text.txt","calibration":{"windows":20,"length":32},` +
    `"search":{"windows":8,"length":16},"evaluation":{"context":32}${config}}`;
  const resolved = resolveConfig(parseRunConfig(text, 'a'), join(folder, 'a.subnet.jsonc'));
  return planTokens(resolved, tinyShape(), places, new AbortController().signal);
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

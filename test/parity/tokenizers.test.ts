import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openTokenizer } from '../../src/engine/tokenizer/openTokenizer.ts';
import { tokenizerFixtures } from '../fixtures/tokenizerFixtures.ts';
import { encodeInPieces, MANY_ROWS, openJson, writeFolder } from '../fixtures/tokenizerFolder.ts';

// Written by scripts/parity/make_tokenizer_fixtures.py with the versions that it names.
const { text, kinds, folders } = tokenizerFixtures();

/** Shorter than the text, so that it is cut wherever it may be. */
const UNITS = 40;

describe('a tokenizer gives the ids of the Rust library', () => {
  for (const [name, { json, ids }] of kinds) {
    test(`for ${name}`, async () => {
      const tokenizer = openJson(json);
      const whole = await encodeInPieces(tokenizer, text, { units: text.length });
      assert.deepEqual(whole.ids, ids);
      assert.deepEqual((await encodeInPieces(tokenizer, text, { units: UNITS })).ids, ids);
    });
  }

  test('in pieces for most kinds', async () => {
    const pieces = await Promise.all(
      kinds.map(async ([, { json }]) => {
        return (await encodeInPieces(openJson(json), text, { units: UNITS })).pieces;
      }),
    );
    const cut = pieces.filter((count) => count > 2).length;
    assert.ok(cut > kinds.length / 2, `only ${cut} of ${kinds.length} were cut`);
  });
});

describe('tokens that the files beside tokenizer.json add are those of transformers', () => {
  for (const [name, { files, ids }] of folders) {
    test(`for ${name}`, async () => {
      const tokenizer = openTokenizer(writeFolder(files), MANY_ROWS);
      const found = await encodeInPieces(tokenizer, text, { units: UNITS });
      assert.deepEqual(found.ids, ids);
    });
  }
});

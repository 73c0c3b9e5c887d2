import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeInPieces, openJson } from '../../fixtures/tokenizerFolder.ts';
import { tinyTokenizer } from '../../fixtures/tinyTokenizer.ts';

// Ids recorded from the Rust library (tokenizers 0.23.3) on the same tokenizer.json.

type Json = Record<string, unknown>;

const PROSE = "the hen and an inn\non the  hill.\n\n  A man's tin;  don't (eat) it ";
const PROSE_IDS = [
  24, 56, 3, 56, 18, 3, 59, 8, 3, 59, 3, 58, 18, 4, 62, 57, 3, 3, 12, 13, 16, 16, 31, 4, 4, 3, 3,
  42, 3, 17, 59, 38, 23, 55, 58, 33, 3, 3, 8, 62, 38, 24, 3, 40, 9, 5, 24, 41, 3, 13, 24, 3,
];

const SIGNS = 'a ½ 12 x²3';

/** The tiny tokenizer with numeric signs, a merge that would join them to a space, and `Digits`. */
function withDigits(): Json {
  const json = tinyTokenizer(96)['tokenizer.json'] as Json;
  const model = json['model'] as { vocab: Record<string, number>; merges: string[] };
  const signs = ['0', '1', '2', '3', 'Â', '½', '²', 'ĠÂ'];
  for (const [i, sign] of signs.entries()) {
    delete model.vocab[`<fill${63 + i}>`];
    model.vocab[sign] = 63 + i;
  }
  model.merges = [...model.merges, 'Ġ Â'];
  json['pre_tokenizer'] = {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  };
  return json;
}

async function checkGolden(json: Json, text: string, ids: number[]): Promise<void> {
  const found = await encodeInPieces(openJson(json), text, { units: text.length });
  assert.deepEqual(found.ids, ids);
}

test('a byte-level tokenizer gives the tokens of the Rust library', async () => {
  const json = tinyTokenizer(96)['tokenizer.json'] as Json;
  await checkGolden(json, PROSE, PROSE_IDS);
  await checkGolden(json, SIGNS, [5, 3, 0, 0, 3, 0, 0, 3, 28, 0, 0, 0]);
});

test('one that parts digits first gives them too, for signs like ½ and ² as well', async () => {
  await checkGolden(withDigits(), PROSE, PROSE_IDS);
  await checkGolden(withDigits(), SIGNS, [5, 3, 67, 68, 3, 64, 65, 3, 28, 67, 69, 66]);
});

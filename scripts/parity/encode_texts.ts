import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../src/engine/tokenizer/loadTokenizer.ts';
import { openTokenizer } from '../../src/engine/tokenizer/openTokenizer.ts';
import { textWindows } from '../../src/engine/tokenizer/textWindows.ts';

/** Length of the pieces of the second encoding: many cuts also in a short text, UTF-16 units. */
const SHORT_PIECE_UNITS = 100;
/** More rows than any vocabulary: whether the ids fit a model is not the question here. */
const ROWS = 1 << 24;

/**
 * Encodes every text of a folder with the tokenizer of another, for check_tokenizers.py: prints two
 * lines of JSON per text, each `[name, ids, pieces]`: as the product encodes it, where `pieces` is
 * null, and in the given number of short pieces.
 * Usage: node --import tsx scripts/parity/encode_texts.ts TOKENIZER_FOLDER TEXT_FOLDER
 */
const [model = '', texts = ''] = process.argv.slice(2);
const tokenizer = await loadTokenizer(model, ROWS);
const opened = openTokenizer(model, ROWS);
for (const name of readdirSync(texts).sort()) {
  const text = readFileSync(join(texts, name), 'utf8');
  print(name, await tokenizer.encode(text), null);
  const windows = [];
  for await (const window of textWindows(text, opened.cuts, SHORT_PIECE_UNITS)) {
    windows.push(window);
  }
  print(name, await opened.encode(windows), windows.length);
}
tokenizer.release();

function print(name: string, ids: Uint32Array, pieces: number | null): void {
  console.log(JSON.stringify([name, [...ids], pieces]));
}

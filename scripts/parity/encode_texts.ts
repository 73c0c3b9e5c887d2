import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../src/engine/tokenizer/loadTokenizer.ts';

/**
 * Encodes every text of a folder with the tokenizer of another, for check_tokenizers.py: prints one
 * line of JSON per text, `[name, ids]`.
 * Usage: node --import tsx scripts/parity/encode_texts.ts TOKENIZER_FOLDER TEXT_FOLDER
 */
const [model = '', texts = ''] = process.argv.slice(2);
// More rows than any vocabulary: whether the ids fit a model is not the question here.
const tokenizer = await loadTokenizer(model, 1 << 24);
for (const name of readdirSync(texts).sort()) {
  const ids = await tokenizer.encode(readFileSync(join(texts, name), 'utf8'));
  console.log(JSON.stringify([name, [...ids]]));
}
tokenizer.release();

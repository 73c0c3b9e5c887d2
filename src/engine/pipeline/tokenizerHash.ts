import { createHash } from 'node:crypto';
import { TOKENIZER_CONFIG_FILE, TOKENIZER_FILE } from '../tokenizer/loadTokenizer.ts';
import { readTokenizerFile } from '../tokenizer/tokenizerFile.ts';

/**
 * SHA-256, hex, of what decides how a model folder turns text into tokens.
 * @throws EngineError `tokenizer` when its files cannot be read
 */
export function tokenizerHash(folder: string): string {
  const files = [TOKENIZER_FILE, TOKENIZER_CONFIG_FILE];
  const found = files.map((name) => readTokenizerFile(folder, name));
  return createHash('sha256').update(JSON.stringify(found)).digest('hex');
}

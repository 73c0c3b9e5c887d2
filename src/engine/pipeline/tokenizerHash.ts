import { createHash } from 'node:crypto';
import { readTokenizerFiles } from '../tokenizer/tokenizerFiles.ts';

/**
 * SHA-256, hex, of what decides how a model folder turns text into tokens.
 * @throws EngineError `tokenizer` when its files cannot be read
 */
export function tokenizerHash(folder: string): string {
  const { main, config, specialTokens, addedTokens } = readTokenizerFiles(folder);
  const older = [specialTokens, addedTokens].filter((file) => file !== undefined);
  const found = [main, config, ...older].map((file) => file?.json);
  return createHash('sha256').update(JSON.stringify(found)).digest('hex');
}

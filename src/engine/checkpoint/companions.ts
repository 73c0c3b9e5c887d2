import { createHash } from 'node:crypto';
import { expectSameFile, type FileIdentity, hasFile, readKnownFile } from './modelFolder.ts';

/** A small file of a model folder that an export takes along, as it was when the model was read. */
export interface Companion {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of the bytes, hex. */
  readonly sha256: string;
  readonly identity: FileIdentity;
}

/** Settings of the tokenizer. */
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';

/** Settings of generation. */
export const GENERATION_CONFIG_FILE = 'generation_config.json';

/** Files of a model folder that go along with its weights; others are never copied. */
export const COMPANION_FILES = [
  'tokenizer.json',
  TOKENIZER_CONFIG_FILE,
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  GENERATION_CONFIG_FILE,
] as const;

/** Largest companion file, bytes; the largest public tokenizers have about 40 MB. */
const MAX_COMPANION_BYTES = 128_000_000;

/**
 * Reads the files that an export takes along, once, so that nobody can change them while a run goes
 * on. Of today's models they are 1 to 40 MB together.
 *
 * @param folder  as `resolveFolder` gives it
 * @throws EngineError `checkpoint` when one of them cannot be read or is too large
 */
export async function readCompanions(folder: string): Promise<readonly Companion[]> {
  const companions: Companion[] = [];
  for (const name of COMPANION_FILES) {
    if (!(await hasFile(folder, name))) continue;
    const { bytes, identity } = await readKnownFile(folder, name, MAX_COMPANION_BYTES);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    companions.push({ name, bytes, sha256, identity });
  }
  return companions;
}

/** SHA-256 of each companion by its name. */
export function companionHashes(companions: readonly Companion[]): Record<string, string> {
  return Object.fromEntries(companions.map(({ name, sha256 }) => [name, sha256]));
}

/**
 * Checks that the files on disk are still those that were read, e.g. after the tokenizer was loaded.
 *
 * @throws EngineError `checkpoint` when one of them was replaced, changed or removed
 */
export async function expectSameCompanions(
  folder: string,
  companions: readonly Companion[],
): Promise<void> {
  for (const { name, identity } of companions) await expectSameFile(folder, name, identity);
}

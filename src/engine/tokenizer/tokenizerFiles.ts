import type { EngineError } from '../../protocol/errors.ts';
import { readTokenizerFile, tokenizerError, type TokenizerJson } from './tokenizerFile.ts';

/** The tokenizer itself. */
export const TOKENIZER_FILE = 'tokenizer.json';
/** Names of special tokens, added tokens and switches; not every model has it. */
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
/** Where older folders name their special tokens. */
const SPECIAL_TOKENS_FILE = 'special_tokens_map.json';
/** Where older folders list tokens that tokenizer.json does not have. */
const ADDED_TOKENS_FILE = 'added_tokens.json';

/** Every file of a model folder that decides which tokens a text has. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly main: TokenizerJson;
  /** tokenizer_config.json */
  readonly config: TokenizerJson | undefined;
  /** special_tokens_map.json; undefined too where the config lists the added tokens. */
  readonly specialTokens: TokenizerJson | undefined;
  /** added_tokens.json; undefined too where the config lists the added tokens. */
  readonly addedTokens: TokenizerJson | undefined;
}

/**
 * Reads the tokenizer of a model folder.
 * @throws EngineError `tokenizer` when it has none or a file of it cannot be read
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const main = readTokenizerFile(folder, TOKENIZER_FILE);
  if (main === undefined) {
    const sentence = `The model folder ${folder} has no ${TOKENIZER_FILE}.`;
    const expected = `a file ${TOKENIZER_FILE}`;
    throw tokenizerError({ what: folder, expected, found: 'none', sentence });
  }
  const config = readTokenizerFile(folder, TOKENIZER_CONFIG_FILE);
  if (config?.json['added_tokens_decoder'] !== undefined) {
    return { main, config, specialTokens: undefined, addedTokens: undefined };
  }
  return {
    main,
    config,
    specialTokens: readTokenizerFile(folder, SPECIAL_TOKENS_FILE),
    addedTokens: readTokenizerFile(folder, ADDED_TOKENS_FILE),
  };
}

/**
 * The error of a tokenizer that the library refuses or that ends it.
 * @param found  what it says, or how it ended
 */
export function unrunnable(found: string, cause?: unknown): EngineError {
  const expected = 'a tokenizer that the library can run';
  const sentence = `The tokenizers library cannot use ${TOKENIZER_FILE}: ${found}.`;
  return tokenizerError({ what: TOKENIZER_FILE, expected, found, sentence }, cause);
}

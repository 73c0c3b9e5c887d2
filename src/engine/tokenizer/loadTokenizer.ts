import { setImmediate } from 'node:timers/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { throwIfAborted } from '../../protocol/errors.ts';
import { canCut, piecesOf, withoutPrefix } from './textPieces.ts';
import { readTokenizerFile, tokenizerError } from './tokenizerFile.ts';

/** A model's tokenizer: text to token ids and back. */
export interface TextTokenizer {
  /** Number of tokens it knows, added ones included. */
  readonly size: number;
  /**
   * Token ids of a text, without special tokens at its ends.
   *
   * @throws EngineError `tokenizer` for an id that the model's vocabulary does not have
   */
  encode(text: string): Uint32Array;
  /** The same for a long text: lets other work run between pieces and can be cancelled. */
  encodeLong(text: string, signal?: AbortSignal): Promise<Uint32Array>;
  /** The text of some tokens, special ones included. */
  decode(tokens: ArrayLike<number>): string;
}

/** The tokenizer itself. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** Names of special tokens and switches; not every model has it. */
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';

type Json = Readonly<Record<string, unknown>>;

/**
 * Loads the tokenizer of a model folder.
 *
 * @param dir    the model folder
 * @param vocab  V, the number of rows of the model's embedding
 * @throws EngineError `tokenizer` when it is missing, damaged or made for another vocabulary
 */
export async function loadTokenizer(dir: string, vocab: number): Promise<TextTokenizer> {
  // Building the tables of a large vocabulary takes a second: whoever waits gets a turn first.
  await setImmediate();
  const json = readTokenizerFile(dir, TOKENIZER_FILE);
  if (json === undefined) throw tokenizerError(dir, `a file ${TOKENIZER_FILE}`, 'none');
  const config = readTokenizerFile(dir, TOKENIZER_CONFIG_FILE) ?? {};
  return makeTokenizer(json, config, vocab);
}

/**
 * Makes a tokenizer from its files' contents.
 *
 * @param json    a parsed tokenizer.json
 * @param config  a parsed tokenizer_config.json, or {}
 * @param vocab   V, the number of rows of the model's embedding
 * @throws EngineError `tokenizer` when it is damaged or made for another vocabulary
 */
export function makeTokenizer(json: Json, config: Json, vocab: number): TextTokenizer {
  checkIds(json, vocab);
  const repaired = guarded(() => {
    return { ...json, pre_tokenizer: numericDigits(json['pre_tokenizer']) };
  });
  const first = guarded(() => new Tokenizer(repaired, config));
  const cuttable = guarded(() => canCut(repaired));
  const rest = guarded(() => withoutPrefix(repaired));
  let later: Tokenizer | undefined = rest === repaired ? first : undefined;

  const encodePiece = (piece: string, index: number): number[] => {
    // A second tokenizer is made only for a text long enough to need it.
    const tokenizer = index === 0 ? first : (later ??= guarded(() => new Tokenizer(rest, config)));
    const { ids } = guarded(() => tokenizer.encode(piece, { add_special_tokens: false }));
    for (const id of ids) checkId(id, vocab);
    return ids;
  };
  const pieces = (text: string): Iterable<string> => (cuttable ? piecesOf(text) : [text]);
  return {
    size: first.get_vocab().size,
    encode: (text) => Uint32Array.from([...pieces(text)].map(encodePiece).flat()),
    encodeLong: async (text, signal) => {
      const parts: number[][] = [];
      for (const piece of pieces(text)) {
        throwIfAborted(signal);
        parts.push(encodePiece(piece, parts.length));
        await setImmediate();
      }
      return Uint32Array.from(parts.flat());
    },
    decode: (tokens) => {
      if (tokens.length === 0) return '';
      const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false };
      return first.decode(Array.from(tokens), options);
    },
  };
}

/**
 * Writes the `Digits` step out as a split by all numeric characters, as the Rust tokenizers do.
 *
 * The JavaScript library takes 0 to 9 only, so "½" or "²" would give other tokens than in training.
 */
function numericDigits(step: unknown): unknown {
  if (typeof step !== 'object' || step === null) return step ?? null;
  const { type, pretokenizers, individual_digits: individual } = step as Record<string, unknown>;
  if (type === 'Sequence' && Array.isArray(pretokenizers)) {
    return { ...step, pretokenizers: pretokenizers.map(numericDigits) };
  }
  if (type !== 'Digits') return step;
  const pattern = { Regex: individual === true ? '\\p{N}' : '\\p{N}+' };
  return { type: 'Split', pattern, behavior: 'Isolated', invert: false };
}

/** Most ids an added token may lie at: the library makes a table up to the highest one. */
const MAX_ADDED_ID = 1 << 24;

/**
 * Checks ids before the library sees them. The model's own tokens must have rows in the embedding;
 * added ones are checked when they occur.
 */
function checkIds(json: Json, vocab: number): void {
  const { vocab: tokens } = (json['model'] ?? {}) as { vocab?: unknown };
  if (typeof tokens !== 'object' || tokens === null) {
    throw tokenizerError(TOKENIZER_FILE, 'a "model" with a "vocab"', 'none');
  }
  const ids: unknown[] = Array.isArray(tokens) ? [tokens.length - 1] : Object.values(tokens);
  const wrong = ids.find((id) => !isIdBelow(id, vocab));
  if (wrong !== undefined) {
    throw tokenizerError(
      TOKENIZER_FILE,
      `token ids below the model's ${vocab}`,
      `the id ${JSON.stringify(wrong).slice(0, 80)}`,
    );
  }
  const added = json['added_tokens'];
  const valid = (token: unknown): boolean =>
    isIdBelow((token as { id?: unknown } | null)?.id, MAX_ADDED_ID);
  if (!Array.isArray(added) || !added.every(valid)) {
    throw tokenizerError(
      TOKENIZER_FILE,
      'a list "added_tokens", each with an id',
      'something else',
    );
  }
}

function isIdBelow(id: unknown, limit: number): boolean {
  return Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < limit;
}

function checkId(id: number | undefined, vocab: number): void {
  if (!isIdBelow(id, vocab)) {
    const found = id === undefined ? 'a token without an id' : `the id ${id}`;
    throw tokenizerError(TOKENIZER_FILE, `token ids below ${vocab} for this text`, found);
  }
}

/** Runs the library; whatever it throws means that the file is not what it should be. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const found = error instanceof Error ? error.message.slice(0, 200) : 'an unknown fault';
    throw tokenizerError(TOKENIZER_FILE, 'a tokenizer that we can run', found, error);
  }
}

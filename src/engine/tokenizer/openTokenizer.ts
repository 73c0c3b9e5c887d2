import { createHash } from 'node:crypto';
import { AddedToken, byteLevelProcessing, type Encoding, Tokenizer } from 'tokenizers';
import { type AddedTokenSpec, addedTokensOf } from './addedTokens.ts';
import { type CutPlaces, cutPlaces } from './cutPlaces.ts';
import type { TextWindow } from './textWindows.ts';
import { checkTextIds, checkTokenizer } from './tokenizerChecks.ts';
import { readTokenizerFiles, type TokenizerFiles, unrunnable } from './tokenizerFiles.ts';

/**
 * A tokenizer of the Rust library in this process. The library ends the process for some files and
 * patterns instead of throwing, so the engine leaves this to a process of its own.
 */
export interface OpenTokenizer {
  readonly cuts: CutPlaces;
  /** SHA-256 of the files it was made from, hex. */
  readonly hash: string;
  /**
   * Token ids of the pieces of some windows, in order.
   * @throws EngineError `tokenizer` for an id that the model's vocabulary does not have
   */
  encode(windows: readonly TextWindow[]): Promise<Uint32Array>;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Opens the tokenizer of a model folder.
 *
 * @param folder  the model folder
 * @param vocab   V, the number of rows of the model's embedding
 * @throws EngineError `tokenizer` when it is missing, damaged, of an unknown kind or made for another
 *   vocabulary
 */
export function openTokenizer(folder: string, vocab: number): OpenTokenizer {
  // The files' contents must not be reachable from what is returned: they are larger than the rest.
  const { tokenizer, cuts, hash } = makeTokenizer(readTokenizerFiles(folder), vocab);
  return {
    cuts,
    hash,
    encode: async (windows) => {
      const encodings = await encodeAll(tokenizer, windows);
      return joined(
        encodings.map((encoding, i) => idsOfPiece(encoding, windows[i]!)),
        vocab,
      );
    },
  };
}

function makeTokenizer(
  files: TokenizerFiles,
  vocab: number,
): { readonly tokenizer: Tokenizer; readonly cuts: CutPlaces; readonly hash: string } {
  const { json, text } = files.main;
  checkTokenizer(json, vocab);
  const added = addedTokensOf(files);
  return guarded(() => {
    // The text as it is: numbers that went through JavaScript could be rounded.
    const tokenizer = Tokenizer.fromString(text);
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    // Adds nothing; the file's own could trim the places of tokens, which are needed below.
    tokenizer.setPostProcessor(byteLevelProcessing(false));
    tokenizer.addAddedTokens(added.map(addedToken));
    const normalizer = tokenizer.getNormalizer();
    const cuts = cutPlaces(
      { ...json, added_tokens: [...((json['added_tokens'] ?? []) as readonly Json[]), ...added] },
      normalizer === null ? undefined : (one) => normalizer.normalizeString(one),
    );
    return { tokenizer, cuts, hash: hashOf(files) };
  });
}

function addedToken({ content, special, ...flags }: AddedTokenSpec): AddedToken {
  return new AddedToken(content, special, {
    singleWord: flags.single_word,
    leftStrip: flags.lstrip,
    rightStrip: flags.rstrip,
    normalized: flags.normalized,
  });
}

function hashOf({ main, config, specialTokens, addedTokens }: TokenizerFiles): string {
  const hash = createHash('sha256');
  for (const file of [main, config, specialTokens, addedTokens]) {
    hash.update(file?.text ?? '').update('\0');
  }
  return hash.digest('hex');
}

async function encodeAll(
  tokenizer: Tokenizer,
  windows: readonly TextWindow[],
): Promise<readonly Encoding[]> {
  try {
    const texts = windows.map(({ text }) => text);
    return await tokenizer.encodeBatch(texts, { addSpecialTokens: false });
  } catch (error) {
    throw libraryError(error);
  }
}

/** The ids of a window without those of its context. */
function idsOfPiece(encoding: Encoding, { text, before, after }: TextWindow): readonly number[] {
  const ids = encoding.getIds();
  const characters = after === 0 ? 0 : lengthInCharacters(text) - after;
  const end = after === 0 ? ids.length : firstTokenAt(encoding, characters);
  return ids.slice(before === 0 ? 0 : firstTokenAt(encoding, before), end);
}

/**
 * The first token that begins at a character or after it.
 * @throws Error when a token lies across that place: the text must not have been cut there
 */
function firstTokenAt(encoding: Encoding, character: number): number {
  let index = encoding.charToToken(character) ?? undefined;
  // A character that was dropped, such as a space, is in no token.
  index ??= encoding.getOffsets().findIndex(([begin]) => begin! >= character);
  if (index < 0) index = encoding.getLength();
  if (encoding.charToToken(character - 1) === index) {
    throw new Error(`A token lies across character ${character}, where a text was cut.`);
  }
  return index;
}

/** Characters outside the basic plane are two UTF-16 units and one character of the library. */
function lengthInCharacters(text: string): number {
  let pairs = 0;
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xd800) pairs++;
  return text.length - pairs;
}

function joined(parts: readonly (readonly number[])[], vocab: number): Uint32Array {
  const ids = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  checkTextIds(ids, vocab);
  return ids;
}

/** Runs the library; whatever it throws means that the file is not what it should be. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw libraryError(error);
  }
}

function libraryError(error: unknown): Error {
  const found = error instanceof Error ? error.message.slice(0, 200) : 'an unknown fault';
  return unrunnable(found, error);
}

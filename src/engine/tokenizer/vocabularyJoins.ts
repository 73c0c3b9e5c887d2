import type { CutPlaces } from './cutPlaces.ts';

/** How the words that reach the model are spelt. */
export interface Spelling {
  /** The character that stands for a space, before bytes are spelt as characters. */
  readonly space: string;
  /** True when every byte is spelt as one character. */
  readonly bytes: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const BYTES = 256;
/** The characters that `ByteLevel` spells bytes as. @source GPT-2, encoder.py */
const BYTE_OF = byteAlphabet();

/**
 * True when a character is a token itself, or no token can stand for several unknown characters: the
 * model can then not fuse unknown characters of both of its sides into one.
 * @param model  a BPE model of a tokenizer.json
 */
export function knowsCharacter(model: Json, spelling: Spelling, character: string): boolean {
  if ((model['unk_token'] ?? null) === null) return true;
  const vocab = model['vocab'] as Json;
  const known = (name: string): boolean => Object.hasOwn(vocab, name);
  const spelt = spelling.bytes ? characterOfByte(character.charCodeAt(0)) : character;
  if (known(spelt)) return true;
  const names = Array.from({ length: BYTES }, (_, byte) => byteName(byte));
  return model['byte_fallback'] === true && names.every(known);
}

/**
 * True when a token of the vocabulary may lie across a cut.
 * @param model  a BPE model of a tokenizer.json
 */
export function joinsInVocabulary(model: Json, spelling: Spelling, cut: keyof CutPlaces): boolean {
  const { space, bytes } = spelling;
  const [before, after] = cut === 'words' ? [LETTER, space] : ['\n', LETTER];
  const joined = new RegExp(before + after, 'u');
  const sign = cut === 'words' ? space : '\n';
  const spelt = bytes ? characterOfByte(sign.charCodeAt(0)) : sign;
  for (const token of Object.keys(model['vocab'] as Json)) {
    // Bytes that stand in for unknown characters could be merged with others.
    if (!bytes && token.length > 6 && BYTE_NAME.test(token)) return true;
    if (!token.includes(spelt)) continue;
    if (joined.test(bytes ? textOf(token) : token)) return true;
  }
  return false;
}

/** A letter or mark, or bytes that are part of a character and so may be one. */
const LETTER = '[\\p{L}\\p{M}\\ufffd]';
const BYTE_NAME = /<0x[0-9A-F]{2}>/;

function byteName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** The text of a token that is spelt in bytes; cut characters become U+FFFD. */
function textOf(token: string): string {
  return new TextDecoder().decode(Uint8Array.from(token, (sign) => BYTE_OF.get(sign) ?? 0));
}

function characterOfByte(byte: number): string {
  for (const [sign, value] of BYTE_OF) if (value === byte) return sign;
  throw new RangeError(`No byte: ${byte}`);
}

function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  const isPlain = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  for (let byte = 0; byte < BYTES; byte++) {
    alphabet.set(String.fromCharCode(isPlain(byte) ? byte : next++), byte);
  }
  return alphabet;
}

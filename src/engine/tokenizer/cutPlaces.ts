import { isInTheWay } from './addedTokenCuts.ts';
import { EVERY_LETTER, EVERY_LETTER_PART } from './letters.ts';
import { regexShape, type RegexShape } from './regexShape.ts';
import { joinsInVocabulary, knowsCharacter, type Spelling } from './vocabularyJoins.ts';

/** Where a tokenizer's texts may be cut so that the pieces have the tokens of the whole. */
export interface CutPlaces {
  /** Before a single space between two letters. */
  readonly words: boolean;
  /** After a line break and before a letter. */
  readonly lines: boolean;
}

/** Normalises a text as the tokenizer does; undefined when it has no normalizer. */
export type Normalize = ((text: string) => string) | undefined;

type Json = Readonly<Record<string, unknown>>;
type Cut = keyof CutPlaces;

/** Sets of characters that patterns are asked about. */
const [LETTER, SPACE, LINE_END] = [0, 1, 2];
/** The set before a cut and the set after it. */
const SIDES = { words: [LETTER, SPACE], lines: [LINE_END, LETTER] } as const;

/** Normalizers that look at no more than a character and what combines with it. */
const LOCAL_NORMALIZERS = new Set([
  ...['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'Strip', 'StripAccents', 'Nmt', 'Prepend'],
  ...['Precompiled', 'BertNormalizer', 'Replace'],
]);

/** The pattern built into the pre-tokenizer `ByteLevel`. @source GPT-2, encoder.py */
const BYTE_LEVEL_PATTERN =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** The pattern built into the pre-tokenizer `Whitespace`. */
const WHITESPACE_PATTERN = '\\w+|[^\\w\\s]+';

/**
 * Finds out where cutting a text changes no token, whatever the text is.
 *
 * At such a place no added token, no match of a pattern and no token of the vocabulary lies across,
 * and nothing looks further than one character. Merges and unigram paths join nothing but tokens of
 * the vocabulary, so the two sides are worked out independently.
 *
 * @param json       a parsed tokenizer.json that the library accepted
 * @param normalize  its normalizer
 */
export function cutPlaces(json: Json, normalize: Normalize): CutPlaces {
  return { words: isSafe('words', json, normalize), lines: isSafe('lines', json, normalize) };
}

function isSafe(cut: Cut, json: Json, normalize: Normalize): boolean {
  const space = spaceAfterNormalizers(cut, json, normalize);
  if (space === undefined) return false;
  const rules = { space, normalize, endsMatter: doEndsMatter(json) };
  const added = (json['added_tokens'] ?? []) as readonly Json[];
  if (added.some((token) => isInTheWay(cut, token, rules))) return false;
  const spelling = spellingOfWords(cut, json, space);
  if (spelling === undefined) return false;
  // Different words have nothing to do with each other, whatever the model is.
  if (spelling === 'parted') return true;
  const model = json['model'] as Json;
  const isPlain = (field: string): boolean => (model[field] ?? '') === '';
  return (
    (model['type'] ?? 'BPE') === 'BPE' &&
    isPlain('continuing_subword_prefix') &&
    isPlain('end_of_word_suffix') &&
    // A whole word that is a token needs no merges then, and here words may be cut.
    model['ignore_merges'] !== true &&
    knowsCharacter(model, spelling, cut === 'words' ? spelling.space : '\n') &&
    !joinsInVocabulary(model, spelling, cut)
  );
}

/** The character a space has become; undefined when the normalizers may reach across a cut. */
function spaceAfterNormalizers(cut: Cut, json: Json, normalize: Normalize): string | undefined {
  let space = ' ';
  for (const step of stepsOf(json['normalizer'])) {
    const type = String(step['type']);
    if (!LOCAL_NORMALIZERS.has(type)) return undefined;
    // It may strip a line break away, up to the cut.
    if (type === 'Strip' && cut === 'lines') return undefined;
    if (type !== 'Replace') continue;
    if (fixedPatternOf(step) === space) space = String(step['content']);
    else if (!sparesCuts(cut, shapeOf(step, space))) return undefined;
  }
  // The only characters that stand for a space in a vocabulary.
  if (space !== ' ' && space !== '\u2581') return undefined;
  return normalize === undefined || keepsCuts(cut, space, normalize) ? space : undefined;
}

/** True when a pattern matches neither the letters nor the one other character of a cut. */
function sparesCuts(cut: Cut, shape: RegexShape | undefined): boolean {
  if (shape === undefined || shape.shortest === 0 || shape.holds(LETTER)) return false;
  if (cut === 'lines') return !shape.holds(LINE_END);
  return shape.shortest > 1 || !shape.holds(SPACE);
}

/** What a normalizer makes of letters is not known from its kind alone, so every letter is tried. */
function keepsCuts(cut: Cut, space: string, normalize: (text: string) => string): boolean {
  const between = cut === 'words' ? ' ' : '\n';
  const letters = [...EVERY_LETTER, 'a'];
  const parts = normalize(['a', ...letters].join(between)).split(cut === 'words' ? space : '\n');
  // The normalizer may have put something before the first.
  const extra = parts.length - letters.length;
  return (
    (extra === 1 || extra === 2) &&
    parts.slice(extra).every((part) => /^[\p{L}\p{M}]+$/u.test(part))
  );
}

/** True when a step adds something to the start of what it is given, or strips its ends. */
function doEndsMatter(json: Json): boolean {
  return (
    stepsOf(json['normalizer']).some(({ type }) => type === 'Prepend' || type === 'Strip') ||
    stepsOf(json['pre_tokenizer']).some(addsPrefix)
  );
}

function addsPrefix(step: Json): boolean {
  const { type, add_prefix_space: prefix, prepend_scheme: scheme } = step;
  return (type === 'ByteLevel' && prefix !== false) || (type === 'Metaspace' && scheme !== 'never');
}

/**
 * How words are spelt when they reach the model; `parted` when the cut is always between two words,
 * undefined when a pre-tokenizer may reach across it.
 */
function spellingOfWords(cut: Cut, json: Json, start: string): Spelling | 'parted' | undefined {
  let space = start;
  let bytes = false;
  let parted = false;
  for (const [i, step] of stepsOf(json['pre_tokenizer']).entries()) {
    // What comes after sees letters that stand for bytes.
    if (bytes) return undefined;
    // Whether a word begins at the cut, and so gets a prefix, could depend on text far before it. One
    // that begins with a space gets none.
    if (cut === 'lines' && addsPrefix(step) && i > 0 && !parted) return undefined;
    const effect = effectOf(cut, step, space);
    if (effect === 'reaches') return undefined;
    parted ||= effect === 'parts';
    if (step['type'] === 'Metaspace') space = '\u2581';
    if (step['type'] === 'ByteLevel') bytes = true;
  }
  return parted ? 'parted' : { space, bytes };
}

/** What a pre-tokenizer does at a cut: part words there, leave it alone, or perhaps reach across. */
function effectOf(cut: Cut, step: Json, space: string): 'parts' | 'spares' | 'reaches' {
  const isWhite = cut === 'lines' || space === ' ';
  switch (step['type']) {
    case 'Punctuation':
    case 'Digits':
    case 'CharDelimiterSplit':
      return 'spares';
    case 'WhitespaceSplit':
    case 'BertPreTokenizer':
      return isWhite ? 'parts' : 'spares';
    case 'Whitespace':
      return isWhite ? 'parts' : effectOfPattern(cut, patternShape(WHITESPACE_PATTERN, space));
    case 'Metaspace':
      if (step['replacement'] !== '\u2581') return 'reaches';
      return cut === 'words' && step['split'] !== false ? 'parts' : 'spares';
    case 'Split': {
      const effect = effectOfPattern(cut, shapeOf(step, space));
      // Others may join a match to what is beside it.
      const isBorder = step['behavior'] === 'Isolated' || step['behavior'] === 'Removed';
      return effect === 'parts' && !isBorder ? 'spares' : effect;
    }
    case 'ByteLevel':
      if (space !== ' ') return 'reaches';
      if (step['use_regex'] === false) return 'spares';
      return effectOfPattern(cut, patternShape(BYTE_LEVEL_PATTERN, space));
    default:
      return 'reaches';
  }
}

function effectOfPattern(cut: Cut, shape: RegexShape | undefined): 'parts' | 'spares' | 'reaches' {
  const [left, right] = SIDES[cut];
  if (shape === undefined || shape.shortest === 0 || shape.joins(left, right)) return 'reaches';
  // A match that holds one side and not the other ends between them.
  return shape.takes(left) || shape.takes(right) ? 'parts' : 'spares';
}

/** The steps of a normalizer or pre-tokenizer, nested sequences laid flat. */
function stepsOf(value: unknown): Json[] {
  if (typeof value !== 'object' || value === null) return [];
  const step = value as Json;
  if (step['type'] !== 'Sequence') return [step];
  const inner = step['normalizers'] ?? step['pretokenizers'];
  return Array.isArray(inner) ? inner.flatMap(stepsOf) : [];
}

/** The text that a step looks for, when it is no regular expression. */
function fixedPatternOf(step: Json): unknown {
  return (step['pattern'] as Json | undefined)?.['String'];
}

function shapeOf(step: Json, space: string): RegexShape | undefined {
  const fixed = fixedPatternOf(step);
  const regex = (step['pattern'] as Json | undefined)?.['Regex'];
  if (typeof fixed === 'string') {
    const quote = (sign: string): string => `\\x{${sign.codePointAt(0)!.toString(16)}}`;
    return patternShape([...fixed].map(quote).join(''), space);
  }
  return typeof regex === 'string' ? patternShape(regex, space) : undefined;
}

function patternShape(pattern: string, space: string): RegexShape | undefined {
  return regexShape(pattern, [EVERY_LETTER_PART, space, '\n']);
}

import { EngineError } from '../../protocol/errors.ts';
import { tokenizerError } from './tokenizerFile.ts';
import { TOKENIZER_FILE } from './tokenizerFiles.ts';

type Json = Readonly<Record<string, unknown>>;

/** What the library knows under each key of a tokenizer.json. A step without a type is its to judge. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  normalizer: [
    ...['BertNormalizer', 'ByteLevel', 'Lowercase', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Nmt'],
    ...['Precompiled', 'Prepend', 'Replace', 'Sequence', 'Strip', 'StripAccents'],
  ],
  pre_tokenizer: [
    ...['BertPreTokenizer', 'ByteLevel', 'CharDelimiterSplit', 'Digits', 'FixedLength'],
    ...['Metaspace', 'Punctuation', 'Sequence', 'Split', 'UnicodeScripts', 'Whitespace'],
    'WhitespaceSplit',
  ],
  post_processor: [
    ...['BertProcessing', 'ByteLevel', 'RobertaProcessing', 'Sequence', 'TemplateProcessing'],
  ],
  decoder: [
    ...['BPEDecoder', 'ByteFallback', 'ByteLevel', 'CTC', 'Fuse', 'Metaspace', 'Replace'],
    ...['Sequence', 'Strip', 'WordPiece'],
  ],
  model: ['BPE', 'Unigram', 'WordLevel', 'WordPiece'],
};
/** Lists that hold further steps. */
const INNER = ['normalizers', 'pretokenizers', 'processors', 'decoders'];

/** Most ids an added token may lie at. */
const MAX_ADDED_ID = 1 << 24;

/**
 * Checks what the library would take without a word, or refuse without a name.
 *
 * @param json   a parsed tokenizer.json, at most 128 levels deep
 * @param vocab  V, the number of rows of the model's embedding
 * @throws EngineError `tokenizer` naming the kind or the id
 */
export function checkTokenizer(json: Json, vocab: number): void {
  for (const [key, kinds] of Object.entries(KINDS)) checkKinds(key, json[key], kinds);
  checkTemplates(json['post_processor']);
  checkDropout(json['model']);
  checkIds(json, vocab);
}

/**
 * Checks the ids of a text.
 * @throws EngineError `tokenizer` for an id that the model's vocabulary does not have
 */
export function checkTextIds(ids: ArrayLike<number>, vocab: number): void {
  for (let i = 0; i < ids.length; i++) {
    if (ids[i]! >= vocab) {
      throw foreignId(`token ids below ${vocab} for this text`, `${ids[i]}`, vocab);
    }
  }
}

function checkKinds(key: string, value: unknown, kinds: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  const step = value as Json;
  const { type } = step;
  if (type !== undefined && !kinds.includes(type as string)) {
    throw new EngineError('tokenizer', {
      what: `${TOKENIZER_FILE}: ${key}`,
      expected: `one of ${kinds.join(', ')}`,
      found: shown(type),
      action: 'Convert the tokenizer to these kinds, or choose another model.',
      sentence: `${TOKENIZER_FILE} uses the ${key} ${shown(type)}, which is not supported; these are: ${kinds.join(', ')}.`,
    });
  }
  for (const inner of INNER) {
    const steps = step[inner];
    if (Array.isArray(steps)) for (const one of steps) checkKinds(key, one, kinds);
  }
}

/** A template that repeats the text or leaves it out would change more than special tokens. */
function checkTemplates(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const { type, single, processors } = value as Json;
  if (Array.isArray(processors)) processors.forEach(checkTemplates);
  if (type !== 'TemplateProcessing' || !Array.isArray(single)) return;
  const texts = single.filter((part) => (part as Json | null)?.['Sequence'] !== undefined);
  if (texts.length !== 1) {
    throw new EngineError('tokenizer', {
      what: `${TOKENIZER_FILE}: post_processor "TemplateProcessing"`,
      expected: 'a template for one text that holds the text once',
      found: `it ${texts.length} times`,
      action: 'Correct "single", or use the tokenizer.json that was saved with this model.',
      sentence: `The template of ${TOKENIZER_FILE} for one text (post_processor) holds the text ${texts.length} times instead of once.`,
    });
  }
}

function checkDropout(model: unknown): void {
  const dropout = (model as Json | null | undefined)?.['dropout'] ?? null;
  if (dropout === null || dropout === 0) return;
  throw new EngineError('tokenizer', {
    what: `${TOKENIZER_FILE}: model`,
    expected: 'no "dropout"',
    found: shown(dropout),
    action: 'Set "dropout" to null: with it a text gets other tokens each time it is read.',
    sentence: `The model in ${TOKENIZER_FILE} has a "dropout" of ${shown(dropout)}.`,
  });
}

/**
 * The model's own tokens must have rows in the embedding; added ones are checked when they occur.
 */
function checkIds(json: Json, vocab: number): void {
  const { vocab: tokens } = (json['model'] ?? {}) as Json;
  if (typeof tokens !== 'object' || tokens === null) {
    throw tokenizerError({
      ...{ what: TOKENIZER_FILE, expected: 'a "model" with a "vocab"', found: 'none' },
      sentence: `${TOKENIZER_FILE} has no "model" with a "vocab".`,
    });
  }
  const ids: unknown[] = Array.isArray(tokens) ? [tokens.length - 1] : Object.values(tokens);
  const wrong = ids.find((id) => !isIdBelow(id, vocab));
  if (wrong !== undefined) {
    throw foreignId(`token ids below the model's ${vocab}`, shown(wrong), vocab);
  }
  // A file without the list is fine; what its items must hold is the library's to judge.
  const added = json['added_tokens'] ?? [];
  const isValid = (token: unknown): boolean =>
    isIdBelow((token as { id?: unknown } | null)?.id, MAX_ADDED_ID);
  if (!Array.isArray(added) || !added.every(isValid)) {
    throw tokenizerError({
      ...{ what: TOKENIZER_FILE, expected: 'a list "added_tokens", each with an id' },
      found: 'something else',
      sentence: `"added_tokens" in ${TOKENIZER_FILE} is not a list of tokens with ids.`,
    });
  }
}

function foreignId(expected: string, id: string, vocab: number): EngineError {
  return tokenizerError({
    ...{ what: TOKENIZER_FILE, expected, found: `the id ${id}` },
    sentence: `${TOKENIZER_FILE} does not fit the model: it has the token id ${id}, and those of the model are below ${vocab}.`,
  });
}

function isIdBelow(id: unknown, limit: number): boolean {
  return Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < limit;
}

/** A value of the file, short enough for a sentence. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'a list' : 'an object';
  }
  return JSON.stringify(value).slice(0, 80);
}

/** Characters per piece; short pieces keep the merging fast and let a cancel through. */
const PIECE_CHARACTERS = 8192;

/** A letter before and after a single space: the only place where we cut. */
const CUT = /[A-Za-z](?= [A-Za-z])/g;

/** A letter, then any of the signs that stand for a space in a vocabulary. */
const LETTER_THEN_SPACE = /[A-Za-z][ \u2581\u0120]/;

/** Normalisers that treat a text's parts alike; `Strip` and `Precompiled` do not. */
const LOCAL_NORMALIZERS = new Set([
  'NFC',
  'NFD',
  'NFKC',
  'NFKD',
  'Lowercase',
  'Prepend',
  'Replace',
]);

/** Pre-tokenisers that always separate "a b" before the space. */
const LOCAL_PRE_TOKENIZERS = new Set([
  'ByteLevel',
  'Digits',
  'Metaspace',
  'Punctuation',
  'Split',
  'Whitespace',
  'WhitespaceSplit',
]);

/**
 * True when encoding a text in pieces, cut before a space between two letters, gives exactly the
 * tokens of the whole.
 *
 * No token of the vocabulary may reach over such a place. Then neither a byte-pair merge nor a
 * unigram path can, because everything they join is itself a token. What runs before them must
 * look at no more than the cut's surroundings.
 *
 * @param json  a parsed tokenizer.json
 */
export function canCut(json: Readonly<Record<string, unknown>>): boolean {
  const local =
    stepsOf(json['normalizer']).every((step) => isLocal(step, LOCAL_NORMALIZERS)) &&
    stepsOf(json['pre_tokenizer']).every((step) => isLocal(step, LOCAL_PRE_TOKENIZERS));
  if (!local) return false;
  const added = (json['added_tokens'] ?? []) as {
    content: string;
    lstrip: boolean;
    rstrip: boolean;
  }[];
  if (added.some(({ content, lstrip, rstrip }) => lstrip || rstrip || content.includes(' '))) {
    return false;
  }
  const { vocab } = json['model'] as { vocab: Record<string, number> | [string, number][] };
  const tokens = Array.isArray(vocab) ? vocab.map(([token]) => token) : Object.keys(vocab);
  return !tokens.some((token) => LETTER_THEN_SPACE.test(token));
}

/**
 * A tokenizer.json for all pieces but the first: without the prefix that marks a text's start.
 *
 * @param json  a parsed tokenizer.json, read only
 * @returns a shallow copy, or the same object when it adds no such prefix
 */
export function withoutPrefix(json: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // The pre-tokenisers add theirs only to a text without a leading space, and our pieces have one.
  const steps = stepsOf(json['normalizer']);
  const kept = steps.filter(({ type }) => type !== 'Prepend');
  if (kept.length === steps.length) return json;
  return { ...json, normalizer: { type: 'Sequence', normalizers: kept } };
}

/**
 * Cuts a text before spaces between two letters.
 *
 * @param text  any text
 * @returns pieces of about 8,000 characters that join to the text; longer where it has no such place
 */
export function* piecesOf(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > PIECE_CHARACTERS) {
    CUT.lastIndex = start + PIECE_CHARACTERS;
    const found = CUT.exec(text);
    if (found === null) break;
    yield text.slice(start, found.index + 1);
    start = found.index + 1;
  }
  if (start < text.length) yield text.slice(start);
}

interface Step {
  readonly type?: string;
  readonly [field: string]: unknown;
}

/** The steps of a normaliser or pre-tokeniser, nested sequences laid flat. */
function stepsOf(value: unknown): Step[] {
  if (typeof value !== 'object' || value === null) return [];
  const step = value as Step;
  if (step.type !== 'Sequence') return [step];
  const inner = step['normalizers'] ?? step['pretokenizers'];
  return Array.isArray(inner) ? inner.flatMap(stepsOf) : [];
}

/** A known step whose fixed pattern, if it has one, is too short to lie across a cut. */
function isLocal(step: Step, known: ReadonlySet<string>): boolean {
  if (!known.has(step.type ?? '')) return false;
  if (step.type !== 'Replace' && step.type !== 'Split') return true;
  const { String: fixed } = (step['pattern'] ?? {}) as { String?: string };
  // A regular expression of a normaliser could reach anywhere; those that split stop at spaces.
  return fixed === undefined ? step.type === 'Split' : fixed.length <= 1;
}

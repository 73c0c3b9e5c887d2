import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Tokenizer } from 'tokenizers';
import { tokenizerFixtures } from '../../fixtures/tokenizerFixtures.ts';
import { encodeInPieces, encodeWhole, openJson } from '../../fixtures/tokenizerFolder.ts';
import { propertyOptions } from '../propertyOptions.ts';

type Json = Readonly<Record<string, unknown>>;

const { text: SIGNS, kinds } = tokenizerFixtures();
const ALL = process.env['ACCEPTANCE'] === 'all';
const BOTH = { words: true, lines: true };

const words = fc.constantFrom('ka', 'lo', 'an', 'ran', 'n', 'Éa', 'привет', '今', 'İ');
const spaces = fc.constantFrom(' ', ' ', ' ', '\n', '\r\n', '\n\n', '  ', '\t', '\u0085', '');
const others = fc.constantFrom('<s>', '[INST]', '<|x|>', ' <s>', 'AN', '▁', '``', '.', ...SIGNS);

/** Mostly words, with everything that may stand around a cut. */
const texts = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.tuple(words, spaces) },
      { weight: 1, arbitrary: fc.tuple(others, spaces) },
    ),
    { minLength: 10, maxLength: 60 },
  )
  .map((parts) => parts.flat().join(''));
const lengths = fc.integer({ min: 1, max: 12 });

const unique = { maxLength: 2, selector: ({ content }: { content: string }) => content };

/** A byte-level tokenizer with more words, which looks whole words up. */
function withWords(json: Json, words: readonly string[]): Json {
  const model = json['model'] as { readonly vocab: Readonly<Record<string, number>> };
  const vocab = { ...model.vocab };
  for (const word of words) vocab[word] ??= Object.keys(vocab).length;
  return { ...json, model: { ...model, vocab, ignore_merges: true } };
}

/** False when a normalizer leaves nothing of an added token, which the library cannot bear. */
function hasTokens(json: Json): boolean {
  const normalizer = Tokenizer.fromString(JSON.stringify(json)).getNormalizer();
  const tokens = json['added_tokens'] as readonly { readonly content: string }[];
  return tokens.every(({ content }) => normalizer?.normalizeString(content) !== '');
}

/** Checks that texts have the same tokens in pieces; returns how many more than one they were. */
async function checkPieces(json: Json, runs: number): Promise<number> {
  const tokenizer = openJson(json);
  if (!tokenizer.cuts.words && !tokenizer.cuts.lines) return 0;
  let cuts = 0;
  await fc.assert(
    fc.asyncProperty(texts, lengths, async (text, units) => {
      const { ids, pieces } = await encodeInPieces(tokenizer, text, { units });
      cuts += pieces - 1;
      assert.deepEqual(ids, await encodeWhole(json, text));
    }),
    propertyOptions({ numRuns: runs }),
  );
  return cuts;
}

describe('a text in pieces has the tokens of the whole', () => {
  for (const [name, { json }] of kinds) {
    test(`for ${name}`, async (t) => {
      const cuts = await checkPieces(json, ALL ? 200 : 15);
      t.diagnostic(`${cuts} cuts`);
    });
  }

  const atom = fc.constantFrom(
    ...['a', 'n', 'k', ' ', '\\n', '.', '\\s', '\\S', '\\w', '\\d', '\\p{L}', '\\p{Lu}', '\\p{N}'],
    ...[
      '[^\\s\\p{L}]',
      '[a-m]',
      '[\\r\\n]',
      '[^\\r\\n\\p{L}]',
      '[^a]',
      '[\\p{L}&&[^n]]',
      'ka',
      '今',
    ],
  );
  // One repetition without a bound in a branch: with more a match could take for ever.
  const few = fc.constantFrom('', '', '?', '{1,3}', '{2}', '??');
  const many = fc.constantFrom('*', '+', '+?', '++', '{2,}');
  const ahead = fc.constantFrom('', '', '', '', '(?!\\S)', '(?=\\s)', '(?!a)', '$');
  const item = fc.tuple(atom, few, ahead).map((parts) => parts.join(''));
  const branch = fc
    .tuple(fc.array(item, { maxLength: 2 }), atom, many, ahead, fc.array(item, { maxLength: 1 }))
    .map((parts) => parts.flat().join(''));
  const pattern = fc
    .array(branch, { minLength: 1, maxLength: 4 })
    .map((branches) => branches.map((one) => `(?:${one})`).join('|'));
  const split = fc.record({
    type: fc.constant('Split'),
    pattern: pattern.map((Regex) => ({ Regex })),
    behavior: fc.constantFrom(
      ...['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'],
    ),
    invert: fc.boolean(),
  });
  const byteLevel = {
    ...{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  };
  const plain = kinds.find(([name]) => name === 'ByteLevel')![1].json;

  /** A model with words that no merge makes, which count when whole words are looked up. */
  const lookedUp = withWords(plain, ['loka', 'anan', 'Ġran', 'karan', 'nlo']);

  /** Checks many tokenizers and that enough of them can be cut. */
  async function checkMany(arbitrary: fc.Arbitrary<Json>): Promise<string> {
    const runs = ALL ? 2000 : 150;
    let [cuts, cuttable] = [0, 0];
    await fc.assert(
      fc.asyncProperty(arbitrary, async (json) => {
        const found = await checkPieces(json, 6);
        cuts += found;
        cuttable += Math.min(found, 1);
      }),
      propertyOptions({ numRuns: runs }),
    );
    assert.ok(cuttable > runs / 20, `only ${cuttable} can be cut`);
    return `${cuts} cuts, ${cuttable} of ${runs} can be cut`;
  }

  test('for any pattern that splits it', async (t) => {
    const splits = fc.array(split, { minLength: 1, maxLength: 2 });
    const tokenizers = fc
      .tuple(splits, fc.boolean(), fc.boolean())
      .map(([steps, prefix, whole]) => {
        const last = { ...byteLevel, add_prefix_space: prefix };
        const pre_tokenizer = { type: 'Sequence', pretokenizers: [...steps, last] };
        return { ...(whole ? lookedUp : plain), pre_tokenizer };
      });
    t.diagnostic(await checkMany(tokenizers));
  });

  test('for added tokens that begin where it would be cut', async (t) => {
    const added = fc.record({
      content: fc.constantFrom('an', 'lo', 'ka', ' n', ' ', '\n', 'ran\n', '.'),
      ...{ single_word: fc.boolean(), lstrip: fc.boolean(), rstrip: fc.boolean() },
      ...{ normalized: fc.boolean(), special: fc.constant(false) },
    });
    // Runs of spaces and line breaks that are tokens show how far a pattern looked.
    const whites = ['ĊĊ', 'ĠĠ', 'ĊĠ', 'ĠĊ', 'čĊ', 'ĊčĊ'];
    const bases = ['ByteLevel', 'ByteLevel with a prefix', 'Split as in Llama 3', 'Split isolated'];
    const base = fc.constantFrom(...bases.map((name) => kinds.find(([kind]) => kind === name)![1]));
    const tokenizers = fc
      .tuple(base, fc.uniqueArray(added, { ...unique, minLength: 1 }))
      .map(([{ json }, tokens]) => ({
        ...withWords(json, whites),
        added_tokens: tokens.map((token, i) => ({ id: 2000 + i, ...token })),
      }));
    t.diagnostic(await checkMany(tokenizers));
  });

  test('for any normalizers and added tokens', async (t) => {
    const names = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt'];
    const replaced = fc.oneof(
      fc.constantFrom(' ', '``', '▁', 'n', '. ', '\n').map((fixed) => ({ String: fixed })),
      fc
        .constantFrom(' {2,}', '\\s+', ' ?n', '\\.|\\t', '[\\r\\n]+', '\\s(?=a)')
        .map((Regex) => ({ Regex })),
    );
    const normalizer = fc.oneof(
      fc.constantFrom(...names).map((type) => ({ type })),
      fc.constantFrom('▁', 'x ', '\n').map((prepend) => ({ type: 'Prepend', prepend })),
      fc.constantFrom(true, false).map((left) => {
        return { type: 'Strip', strip_left: left, strip_right: true };
      }),
      fc.record({
        type: fc.constant('Replace'),
        pattern: replaced,
        content: fc.constantFrom('▁', ' ', 'n', '', '! '),
      }),
    );
    const added = fc.record({
      content: fc.constantFrom(
        'an',
        '<s>',
        ' n',
        '\n',
        'a b',
        'ka\n',
        '\nlo',
        ' ',
        'İ',
        '[INST]',
        '.',
      ),
      single_word: fc.boolean(),
      lstrip: fc.boolean(),
      rstrip: fc.boolean(),
      normalized: fc.boolean(),
      special: fc.constant(false),
    });
    const base = fc.constantFrom(
      ...['ByteLevel', 'ByteLevel with a prefix', 'Split isolated', 'Metaspace first whole'],
      ...['Metaspace always split', 'Prepend and Replace, as in Llama 2', 'Unigram', 'Whitespace'],
    );
    const tokenizers = fc
      .tuple(base, fc.array(normalizer, { maxLength: 2 }), fc.uniqueArray(added, unique))
      .map(([name, normalizers, tokens]) => {
        const { json } = kinds.find(([kind]) => kind === name)![1];
        const own = json['normalizer'] === null ? [] : [json['normalizer']];
        const added_tokens = tokens.map((token, i) => ({ id: 2000 + i, ...token }));
        const all = [...normalizers, ...own];
        return { ...json, added_tokens, normalizer: { type: 'Sequence', normalizers: all } };
      })
      .filter(hasTokens);
    t.diagnostic(await checkMany(tokenizers));
  });

  test('and would not have them if it were cut regardless of the pattern', async () => {
    const step = { type: 'Split', behavior: 'Isolated', invert: false };
    const steps = [{ ...step, pattern: { Regex: '.{1,7}' } }, byteLevel];
    const json = { ...plain, pre_tokenizer: { type: 'Sequence', pretokenizers: steps } };
    const text = 'ka lo ran an '.repeat(20);
    const cut = encodeInPieces(openJson(json), text, { units: 5, cuts: BOTH });
    const whole = await encodeWhole(json, text);
    const found = await cut.then(
      ({ ids }) => ids,
      () => [],
    );
    assert.notDeepEqual(found, whole);
  });
});

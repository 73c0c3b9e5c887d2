import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cutPlaces } from '../../../src/engine/tokenizer/cutPlaces.ts';
import { EVERY_LETTER, LETTERS } from '../../../src/engine/tokenizer/letters.ts';
import { tinyTokenizer } from '../../fixtures/tinyTokenizer.ts';

type Json = Record<string, unknown>;

const tiny = (): Json => tinyTokenizer(96)['tokenizer.json'] as Json;
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
const cuts = (json: Json): string => {
  const { words, lines } = cutPlaces(json, undefined);
  return [words ? 'words' : '', lines ? 'lines' : ''].join(' ').trim();
};
/** Its words are what is between added tokens, so that only the vocabulary decides. */
const unsplit = (): Json => ({ ...tiny(), pre_tokenizer: { ...byteLevel, use_regex: false } });
const withToken = (token: string): Json => {
  const json = unsplit();
  (json['model'] as { vocab: Json }).vocab[token] = 95;
  return json;
};
const withAdded = (content: string, flags: Json = {}, rest: Json = {}): Json => {
  const added = { id: 0, content, lstrip: false, rstrip: false, normalized: false, ...flags };
  return { ...tiny(), pre_tokenizer: byteLevel, added_tokens: [added], ...rest };
};
const split = (pattern: Json, last: Json = {}, behavior = 'Isolated'): Json => ({
  ...unsplit(),
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern, behavior },
      { ...byteLevel, use_regex: false, ...last },
    ],
  },
});

describe('a text may be cut', () => {
  test('between words and after lines, as a rule', () => {
    assert.equal(cuts(tiny()), 'words lines');
  });

  test('not where a token of the vocabulary lies', () => {
    assert.equal(cuts(withToken('aĠt')), 'lines');
    assert.equal(cuts(withToken('Ċa')), 'words');
    // The last byte of a letter, or of a no-break space that is none.
    assert.equal(cuts(withToken('©Ġ')), 'lines');
    assert.equal(cuts(withToken('ÂłĠ')), 'words lines');
    assert.equal(cuts(withToken('!Ġt')), 'words lines');
    const parted = { ...withToken('aĠt'), pre_tokenizer: byteLevel };
    assert.equal(cuts(parted), 'words lines');
  });

  test('not where whole words are looked up, unless words always end there', () => {
    const json = unsplit();
    const model = { ...(json['model'] as Json), ignore_merges: true };
    assert.equal(cuts({ ...json, model }), '');
    assert.equal(cuts({ ...tiny(), model }), 'words lines');
    assert.equal(cuts({ ...split({ Regex: '\\p{L}+| ?\\S+|\\n' }), model }), 'words lines');
    assert.equal(cuts({ ...split({ Regex: '\\p{L}{2}' }), model }), '');
    assert.equal(cuts({ ...split({ Regex: '\\p{L}+(?=\\s)| +' }), model }), 'words');
    const merged = split({ Regex: '\\p{L}+| ' }, {}, 'MergedWithNext');
    assert.equal(cuts({ ...merged, model }), '');
  });

  test('not where an added token lies or what it strips', () => {
    assert.equal(cuts(withAdded('.b c')), 'lines');
    assert.equal(cuts(withAdded('\nx>')), 'words');
    assert.equal(cuts(withAdded('<x>', { rstrip: true })), 'words lines');
    assert.equal(cuts(withAdded('.b', { rstrip: true })), 'lines');
    assert.equal(cuts(withAdded('.b', { lstrip: true })), 'words lines');
    assert.equal(cuts(withAdded('a.', { lstrip: true })), '');
  });

  test('not where an added token may begin, because a pattern looks at what is next', () => {
    assert.equal(cuts(withAdded('a.')), 'words');
    assert.equal(cuts(withAdded(' a')), 'lines');
    assert.equal(cuts(withAdded(' <a>')), 'words lines');
  });

  test('not beside an added token when what follows it is treated as a start', () => {
    const prefix = { pre_tokenizer: { ...byteLevel, add_prefix_space: true } };
    assert.equal(cuts(withAdded('<x>', {}, prefix)), 'words lines');
    assert.equal(cuts(withAdded('.b')), 'words lines');
    assert.equal(cuts(withAdded('.b', {}, prefix)), 'lines');
    assert.equal(cuts(withAdded('<x>', { rstrip: true }, prefix)), 'words');
  });

  test('not where a pattern may match or look', () => {
    assert.equal(cuts(split({ Regex: '\\w+ ' })), 'lines');
    assert.equal(cuts(split({ Regex: '\\s\\w+' })), 'words');
    assert.equal(cuts(split({ Regex: '.{0,100}' })), '');
    assert.equal(cuts(split({ Regex: '\\bx' })), '');
    assert.equal(cuts(split({ Regex: 'x*' })), '');
    assert.equal(cuts(split({ String: 'n a' })), 'lines');
    assert.equal(cuts(split({ String: ' ' })), 'words lines');
  });

  test('not before a letter where a prefix may come, depending on what is far before', () => {
    const prefix = { add_prefix_space: true };
    assert.equal(cuts(split({ Regex: '\\d+a\\n' }, prefix)), 'words');
    assert.equal(cuts(split({ Regex: '\\n' }, prefix)), 'words lines');
  });

  test('not where a step looks further than one character, or is not known', () => {
    assert.equal(cuts({ ...tiny(), pre_tokenizer: { type: 'FixedLength', length: 5 } }), '');
    assert.equal(cuts({ ...tiny(), pre_tokenizer: { type: 'UnicodeScripts' } }), '');
    assert.equal(cuts({ ...tiny(), normalizer: { type: 'Unheard' } }), '');
    assert.equal(cuts({ ...tiny(), normalizer: { type: 'Strip' } }), 'words');
    const replace = { type: 'Replace', content: 'x' };
    assert.equal(cuts({ ...tiny(), normalizer: { ...replace, pattern: { String: 'n a' } } }), '');
    const spaces = { ...replace, pattern: { Regex: ' {2,}' } };
    assert.equal(cuts({ ...tiny(), normalizer: spaces }), 'words lines');
    const space = { ...replace, pattern: { Regex: ' +' } };
    assert.equal(cuts({ ...tiny(), normalizer: space }), 'lines');
  });

  test('not where unknown characters of both sides could become one token', () => {
    const json = unsplit();
    const model = json['model'] as { vocab: Json };
    delete model.vocab['Ġ'];
    delete model.vocab['Ċ'];
    assert.equal(cuts(json), '');
    assert.equal(cuts({ ...json, model: { ...model, unk_token: null } }), 'words lines');
  });

  test('in other models only where words always end', () => {
    const model = { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0]] };
    const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' };
    assert.equal(cuts({ ...unsplit(), model }), '');
    assert.equal(cuts({ ...tiny(), model }), 'words lines');
    assert.equal(cuts({ ...tiny(), model, pre_tokenizer: metaspace }), 'words');
    assert.equal(cuts({ ...tiny(), model, pre_tokenizer: { ...metaspace, split: false } }), '');
    const white = { type: 'WhitespaceSplit' };
    assert.equal(cuts({ ...tiny(), model, pre_tokenizer: white }), 'words lines');
  });

  test('not when the normalizer turns letters or spaces into something else', () => {
    const normalize = (text: string): string => text.replaceAll('q', '!');
    assert.deepEqual(cutPlaces(tiny(), normalize), { words: false, lines: false });
    assert.deepEqual(
      cutPlaces(tiny(), (text) => text.replaceAll('\n', ' ')),
      { words: true, lines: false },
    );
    assert.deepEqual(
      cutPlaces(tiny(), (text) => `▁${text.toLowerCase()}`),
      { words: true, lines: true },
    );
  });
});

test('the letters of cuts stay letters and marks in every normal form', () => {
  const inner = new RegExp(`^[${LETTERS}]+$`);
  assert.ok(inner.test(EVERY_LETTER) && EVERY_LETTER.length > 30_000);
  for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD'] as const) {
    for (const letter of EVERY_LETTER) {
      assert.match(letter.normalize(form), /^[\p{L}\p{M}]+$/u);
      assert.match(letter.normalize(form).toLowerCase(), /^[\p{L}\p{M}]+$/u);
    }
  }
});

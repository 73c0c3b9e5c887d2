import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { loadTokenizer, makeTokenizer } from '../../../src/engine/tokenizer/loadTokenizer.ts';
import { canCut, piecesOf } from '../../../src/engine/tokenizer/textPieces.ts';
import { writeTinyModel } from '../../fixtures/tinyModel.ts';
import { tinyTokenizer } from '../../fixtures/tinyTokenizer.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

type Json = Record<string, unknown>;

const tinyJson = (): Json => tinyTokenizer(96)['tokenizer.json'] as Json;

/** A SentencePiece-like tokenizer: spaces are ▁, the text's start gets one, nothing splits words. */
function sentencePiece(): Json {
  const json = tinyJson();
  const model = json['model'] as { vocab: Record<string, number>; merges: string[] };
  const swap = (text: string): string => text.replaceAll('Ġ', '▁').replaceAll('Ċ', '\n');
  json['model'] = {
    ...model,
    vocab: Object.fromEntries(Object.entries(model.vocab).map(([t, id]) => [swap(t), id])),
    merges: model.merges.map(swap),
  };
  json['pre_tokenizer'] = null;
  json['normalizer'] = {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  };
  return json;
}

describe('loadTokenizer', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await writeTinyModel(folder);
  });
  after(() => rm(folder, { recursive: true }));

  test('encodes without special tokens and decodes to the same text', async () => {
    const tokenizer = await loadTokenizer(folder, 96);
    const text = 'the hen and an inn\non the  hill.';
    const tokens = tokenizer.encode(text);
    assert.equal(tokens.includes(1), false, 'no <s> at the start');
    assert.equal(tokenizer.decode(tokens), text);
    const name = (id: number): string => tokenizer.decode([id]);
    assert.deepEqual([...tokens].slice(0, 4).map(name), ['t', 'he', ' ', 'he']);
    assert.equal(tokenizer.size, 96);
    assert.deepEqual(await tokenizer.encodeLong(text), tokens);
    assert.equal(tokenizer.decode(tokenizer.encode('')), '');
  });

  test('refuses a tokenizer made for a larger vocabulary', async () => {
    await assert.rejects(
      loadTokenizer(folder, 80),
      (error) =>
        isEngineError(error, 'tokenizer') &&
        error.problem.expected.includes("below the model's 80"),
    );
  });

  test('refuses a text whose added tokens have no row in the embedding', () => {
    const json = tinyJson();
    (json['added_tokens'] as Json[]).push({ id: 96, content: '<pad>', special: true });
    const tokenizer = makeTokenizer(json, {}, 96);
    assert.equal(tokenizer.encode('the').length, 2);
    assert.throws(
      () => tokenizer.encode('the <pad>'),
      (error) => isEngineError(error, 'tokenizer') && error.problem.found === 'the id 96',
    );
  });

  test('stops encoding a long text when asked to', async () => {
    const tokenizer = await loadTokenizer(folder, 96);
    const controller = new AbortController();
    const encoding = tokenizer.encodeLong('the hen '.repeat(10_000), controller.signal);
    controller.abort();
    await assert.rejects(encoding, (error) => isEngineError(error, 'cancelled'));
  });

  const broken: [string, Json | string][] = [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['an empty object', {}],
    ['no vocabulary', { ...tinyJson(), model: { type: 'BPE' } }],
    ['no merges', { ...tinyJson(), model: { type: 'BPE', vocab: { a: 0 } } }],
    ['an id that is no number', { ...tinyJson(), model: { vocab: { a: 'b' }, merges: [] } }],
    ['an enormous id', { ...tinyJson(), model: { vocab: { a: 4_000_000_000 }, merges: [] } }],
    ['an enormous added id', { ...tinyJson(), added_tokens: [{ id: 4e9, content: 'x' }] }],
    ['no added tokens', { ...tinyJson(), added_tokens: null }],
    ['an unknown step', { ...tinyJson(), pre_tokenizer: { type: 'Nonsense' } }],
  ];
  for (const [what, content] of broken) {
    test(`gives one clear error for ${what}`, async () => {
      const dir = await mkdtemp(join(folder, 'broken-'));
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      await writeFile(join(dir, 'tokenizer.json'), text);
      await assert.rejects(loadTokenizer(dir, 96), (error) => isEngineError(error, 'tokenizer'));
    });
  }

  test('refuses a missing file, and follows a link as those of a download cache', async () => {
    const dir = await mkdtemp(join(folder, 'links-'));
    const refused = (): Promise<void> =>
      assert.rejects(loadTokenizer(dir, 96), (error) => isEngineError(error, 'tokenizer'));
    await refused();
    const file = join(dir, 'tokenizer.json');
    await symlink(join(folder, 'no such file'), file);
    await refused();
    await rm(file);
    await symlink(join(folder, 'tokenizer.json'), file);
    const text = 'the hen';
    const expected = (await loadTokenizer(folder, 96)).encode(text);
    assert.deepEqual((await loadTokenizer(dir, 96)).encode(text), expected);
  });

  test('takes every numeric sign as a digit, as the tokenizers that trained the models do', () => {
    const json = tinyJson();
    json['pre_tokenizer'] = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { type: 'ByteLevel', add_prefix_space: false },
      ],
    };
    const model = json['model'] as { vocab: Record<string, number>; merges: string[] };
    // Space, then the two bytes of "½" (Â ½): a merge over the border must not happen.
    model.vocab = { ...model.vocab, Â: 90, '½': 91, ĠÂ: 92 };
    model.merges = [...model.merges, 'Ġ Â'];
    const tokens = makeTokenizer(json, {}, 96).encode('a ½');
    assert.equal(tokens.includes(92), false);
    assert.equal(tokens.length, 4);
  });
});

describe('encoding in pieces', () => {
  const words = fc.stringMatching(/^[a-zA-M .,\n!-]{0,12}$/);
  const texts = fc
    .array(words, { minLength: 1, maxLength: 40 })
    .map((parts) => parts.join(' ').repeat(1 + Math.ceil(20_000 / (1 + parts.join(' ').length))));

  for (const [name, make] of [
    ['byte-level', tinyJson],
    ['SentencePiece-like', sentencePiece],
  ] as const) {
    test(`gives the tokens of the whole text with a ${name} tokenizer`, () => {
      const json = make();
      assert.ok(canCut(json));
      const pieces = makeTokenizer(json, {}, 96);
      const whole = new Tokenizer(json, {});
      let cuts = 0;
      fc.assert(
        fc.property(texts, (text) => {
          cuts += [...piecesOf(text)].length - 1;
          const expected = whole.encode(text, { add_special_tokens: false }).ids;
          assert.deepEqual([...pieces.encode(text)], expected);
        }),
        propertyOptions({ numRuns: 40 }),
      );
      assert.ok(cuts > 20, `only ${cuts} cuts were tried`);
    });
  }

  test('is not done where a token reaches over a cut or a step looks further', () => {
    const crossing = tinyJson();
    (crossing['model'] as { vocab: Json }).vocab['aĠt'] = 95;
    assert.equal(canCut(crossing), false);
    assert.equal(canCut({ ...tinyJson(), normalizer: { type: 'Strip' } }), false);
    assert.equal(canCut({ ...tinyJson(), pre_tokenizer: { type: 'FixedLength' } }), false);
    const replace = { type: 'Replace', pattern: { String: 'n a' }, content: 'x' };
    assert.equal(canCut({ ...tinyJson(), normalizer: replace }), false);
    const stripping = [{ id: 0, content: '<x>', lstrip: true, rstrip: false }];
    assert.equal(canCut({ ...tinyJson(), added_tokens: stripping }), false);
  });
});

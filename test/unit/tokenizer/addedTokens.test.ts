import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addedTokensOf } from '../../../src/engine/tokenizer/addedTokens.ts';

type Json = Record<string, unknown>;

// What transformers 5.24 adds for such folders is compared in test/parity/tokenizers.test.ts.

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const own = { id: 1, content: '<s>', ...flags, special: true };
const file = (json: Json) => ({ text: JSON.stringify(json), json });

function added(config: Json, others: { special?: Json; added?: Json } = {}): string[] {
  const { special, added: more } = others;
  return addedTokensOf({
    main: file({ added_tokens: [own] }),
    config: file(config),
    specialTokens: special && file(special),
    addedTokens: more && file(more),
  }).map(({ content }) => content);
}

describe('addedTokensOf', () => {
  test('gives tokens that only the config knows, by id', () => {
    const declared = { 10: { content: 'b' }, 9: { content: 'a' }, 1: { ...own, id: undefined } };
    assert.deepEqual(added({ added_tokens_decoder: declared }), ['a', 'b']);
  });

  test('gives a known token again when the config has other flags for it', () => {
    const declared = { 1: { ...own, lstrip: true } };
    assert.deepEqual(added({ added_tokens_decoder: declared }), ['<s>']);
  });

  test('gives special tokens by their names in the order of transformers', () => {
    const config = { eos_token: 'e', image_token: 'i', bos_token: 'b', pad_token: null };
    const more = { additional_special_tokens: ['x', { content: 'y' }, 'b'], unk_token: '<s>' };
    assert.deepEqual(added({ ...config, ...more }), ['b', 'e', 'i', 'x', 'y']);
  });

  test('reads the older files, and keeps an id that tokenizer.json has', () => {
    const special = { bos_token: { content: 'b' }, pad_token: 'p' };
    assert.deepEqual(added({}, { special, added: { q: 5, p: 4, r: 1 } }), ['p', 'q', 'b']);
  });

  test('bears a config of wrong types', () => {
    for (const value of [null, 3, 'x', [], [null], {}, { 5: null }, { 5: 'x' }]) {
      added({ added_tokens_decoder: value, extra_special_tokens: value, bos_token: value });
      added({}, { special: { bos_token: value, extra_special_tokens: value } });
    }
  });
});

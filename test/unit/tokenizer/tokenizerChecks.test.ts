import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkTokenizer } from '../../../src/engine/tokenizer/tokenizerChecks.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { tinyTokenizer } from '../../fixtures/tinyTokenizer.ts';

type Json = Record<string, unknown>;

const tiny = (): Json => tinyTokenizer(96)['tokenizer.json'] as Json;

function checkRefused(change: Json, ...says: readonly string[]): void {
  assert.throws(
    () => {
      checkTokenizer({ ...tiny(), ...change }, 96);
    },
    (error) =>
      isEngineError(error, 'tokenizer') && says.every((part) => error.message.includes(part)),
  );
}

describe('checkTokenizer', () => {
  test('takes a tokenizer of known kinds, also without a list of added tokens', () => {
    checkTokenizer(tiny(), 96);
    checkTokenizer({ ...tiny(), added_tokens: undefined }, 96);
  });

  test('names a kind that the library does not know, wherever it is', () => {
    const unheard = { type: 'RandomDelimiterSplit' };
    checkRefused({ pre_tokenizer: unheard }, 'pre_tokenizer', '"RandomDelimiterSplit"');
    const nested = { type: 'Sequence', pretokenizers: [{ type: 'Digits' }, unheard] };
    checkRefused({ pre_tokenizer: nested }, 'pre_tokenizer', '"RandomDelimiterSplit"');
    checkRefused({ normalizer: { type: 'Digits' } }, 'normalizer', '"Digits"');
    checkRefused({ normalizer: { type: ['NFC'] } }, 'normalizer', 'a list');
    checkRefused({ model: { ...(tiny()['model'] as Json), type: 'Neural' } }, 'model', '"Neural"');
    checkRefused({ decoder: unheard }, 'decoder');
    const processors = [{ type: 'ByteLevel' }, unheard];
    checkRefused({ post_processor: { type: 'Sequence', processors } }, 'post_processor');
  });

  test('names what would give other ids each time, or the text more than once', () => {
    checkRefused({ model: { ...(tiny()['model'] as Json), dropout: 0.1 } }, 'dropout', '0.1');
    const text = { Sequence: { id: 'A', type_id: 0 } };
    const template = { type: 'TemplateProcessing', single: [text, text] };
    checkRefused({ post_processor: template }, 'post_processor', '2 times');
  });

  test('names an id that the model has no row for', () => {
    const model = tiny()['model'] as { vocab: Json };
    for (const id of [96, -1, 1.5, '3', null, {}, 2 ** 40]) {
      checkRefused(
        { model: { ...model, vocab: { ...model.vocab, a: id } } },
        'those of the model are below 96',
      );
    }
    const unigram = { type: 'Unigram', vocab: new Array(97).fill(['a', 0]) };
    checkRefused({ model: unigram }, 'those of the model are below 96', '96');
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  MOST_PIECE_UNITS,
  type TextChunks,
  textWindows,
  type TextWindow,
} from '../../../src/engine/tokenizer/textWindows.ts';
import { isEngineError } from '../../../src/protocol/errors.ts';
import { propertyOptions } from '../../property/propertyOptions.ts';

const BOTH = { words: true, lines: true };

async function windowsOf(text: TextChunks, cuts = BOTH, units = 4): Promise<TextWindow[]> {
  const windows = [];
  for await (const window of textWindows(text, cuts, units)) windows.push(window);
  return windows;
}
const pieceOf = ({ text, before, after }: TextWindow): string =>
  text.slice(before, text.length - after);

describe('textWindows', () => {
  test('cuts before a space between letters and after a line, with a little context', async () => {
    assert.deepEqual(await windowsOf('the hen. A man\nan inn'), [
      { text: 'the hen. A m', before: 0, after: 2 },
      { text: 'A man\na', before: 1, after: 1 },
      { text: 'a\nan inn', before: 2, after: 0 },
    ]);
    const pieces = (await windowsOf('the hen. A man\nan inn')).map(pieceOf);
    assert.deepEqual(pieces, ['the hen. A', ' man\n', 'an inn']);
  });

  test('cuts in other scripts too, and nowhere else', async () => {
    assert.equal((await windowsOf('Это хорошо\n今天天气很好。\n明天')).length, 3);
    assert.equal((await windowsOf('a1 b2 c3 d4 e5 .f! g. 今天天气很好')).length, 1);
    assert.equal((await windowsOf('the hen and an inn', { words: false, lines: true })).length, 1);
  });

  test('gives pieces that join to the text, however it is read', async () => {
    const texts = fc.array(fc.constantFrom(...'ab今 \n.🙂é'), { maxLength: 80 });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(texts, sizes, async (characters, lengths) => {
        const text = characters.join('');
        const chunks: string[] = [];
        for (let at = 0, i = 0; at < text.length; i++) {
          chunks.push(text.slice(at, (at += lengths[i % lengths.length]!)));
        }
        const windows = await windowsOf(chunks);
        assert.equal(windows.map(pieceOf).join(''), text);
        assert.deepEqual(windows, await windowsOf(text));
      }),
      propertyOptions({ numRuns: 300 }),
    );
  });

  test('reads no further than the piece that is asked for', async () => {
    let read = 0;
    function* chunks(): Generator<string> {
      for (; read < 1000; read++) yield 'the hen and an inn ';
    }
    for await (const { before } of textWindows(chunks(), BOTH, 50)) {
      if (before > 0) break;
    }
    assert.ok(read < 10, `${read} chunks`);
  });

  test('refuses a text without a place to cut before it takes much memory', async () => {
    let read = 0;
    function* endless(): Generator<string> {
      for (;;) {
        read++;
        yield '1'.repeat(1_000_000);
      }
    }
    const refusal = (says: RegExp) => (error: unknown) =>
      isEngineError(error, 'text') && says.test(error.message);
    await assert.rejects(windowsOf(endless()), refusal(/no space or line break between letters/));
    assert.ok(read < 10);
    const none = { words: false, lines: false };
    await assert.rejects(windowsOf(endless(), none), refusal(/needs the whole text at once/));
    const late = `${'1'.repeat(MOST_PIECE_UNITS)}a b`;
    await assert.rejects(windowsOf(late), refusal(/between letters within 4,000,000/));
  });
});

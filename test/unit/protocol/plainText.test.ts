import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  labelText,
  markdownText,
  messageText,
  plainText,
  safeJson,
  terminalText,
} from '../../../src/protocol/plainText.ts';

const HOSTILE = [
  '[Repair this file](command:workbench.action.openSettings?%22x%22)',
  '[x](command:a "title")',
  '[a\n](command:b)',
  '[a]\u200e(command:b)',
  '[a]\u0000(command:b)',
  '[[a](command:b)](command:c)',
];
/** What VS Code turns into a link: square brackets, then round ones with a scheme it knows. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;

test('text of a file never becomes a link in a notification, whatever hides between its brackets', () => {
  for (const text of HOSTILE) assert.doesNotMatch(messageText(text), LINK, text);
  assert.match(HOSTILE[0]!, LINK, 'the pattern finds what it is for');
  assert.equal(messageText('layers[0](q) is 7'), 'layers[0] (q) is 7');
});

test('names make no icons, and no Markdown', () => {
  assert.equal(labelText('run $(trash) $(sync~spin)'), 'run $ (trash) $ (sync~spin)');
  assert.equal(markdownText('a_b [x](command:y)'), String.raw`a\_b \[x\]\(command:y\)`);
});

test('text is one line, without control characters and marks of direction', () => {
  assert.equal(
    plainText('a\nb\t\u001b[31mred\u001b[0m \u202egpj\u2066.exe\u0007'),
    'a b red gpj.exe',
  );
  assert.equal(plainText('  größe 模型 é̂ 👍  '), 'größe 模型 é̂ 👍');
});

test('a wall of text is cut in its middle, and what is cut away costs nothing', () => {
  const text = plainText(`${'x'.repeat(50_000_000)} the end`, 100);
  assert.equal(text.length, 100);
  assert.match(text, /^x+….* the end$/);
});

test('a terminal gets its lines and our styles, and no other sequence', () => {
  const styled = '\u001b[1mbold\u001b[0m\n\u001b[31merror:\u001b[0m\tx\r\n';
  assert.equal(terminalText(styled), styled);
  const hostile = 'a\u001b]0;title\u0007b\u001b[2Jc\u001b[10;10Hd\u009b31me\rf\u001bPq\u001b\\';
  assert.doesNotMatch(terminalText(hostile), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
});

test('JSON for a program says the same, in characters that a terminal does not act on', () => {
  const value = { name: 'a\u009b31m\u202e\u001b[2J', n: 1 };
  const text = safeJson(value);
  assert.deepEqual(JSON.parse(text), value);
  assert.doesNotMatch(text, /[\u007f-\u009f\u202e]/);
});

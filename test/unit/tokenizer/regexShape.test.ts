import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { regexShape } from '../../../src/engine/tokenizer/regexShape.ts';

const [LETTER, SPACE, LINE_END] = [0, 1, 2];
const shape = (pattern: string) => regexShape(pattern, ['aé今', ' ', '\n']);

describe('regexShape', () => {
  const joins: [string, boolean, boolean][] = [
    // pattern, a letter before a space, a line break before a letter
    [' ?\\p{L}+', false, false],
    ['\\p{L}+ ?', true, false],
    ['\\p{L}+ ?\\d', true, false],
    ['[^\\r\\n\\p{L}\\p{N}]?\\p{L}+', false, false],
    ['[^\\r\\p{L}]?\\p{L}+', false, true],
    ['\\s+(?!\\S)|\\s+', false, false],
    ['\\s*[\\r\\n]+', false, false],
    ['.+', true, true],
    ['\\S+', false, false],
    ['(?:\\w|\\s)+', true, true],
    ['(?:\\w+|\\s+)', false, false],
    ['(?<word>\\w)(?:!*)(?i:\\s)', true, false],
    ['\\n{0,3}é', false, true],
    ['b{0}a? ', true, false],
    ['(?i)x|\\n|a', false, false],
    ['\\n(?i)x|a', false, true],
    ['[a-z&&[^eiou]]+ ', true, false],
    ['[a-z&&[^a]]+ ', false, false],
    ['[[:alpha:]] ', true, true],
    ['\\p{Han} ', true, false],
    ['\\p{Unheard}a', false, true],
    ['a(?= )', false, false],
    ['\\x{61}\\x20|\\u0061', true, false],
    ['a$', false, false],
  ];
  for (const [pattern, letterSpace, breakLetter] of joins) {
    test(`judges ${pattern}`, () => {
      const found = shape(pattern);
      if (pattern.includes('[:')) return assert.equal(found, undefined);
      assert.equal(found!.joins(LETTER, SPACE), letterSpace, 'a letter before a space');
      assert.equal(found!.joins(LINE_END, LETTER), breakLetter, 'a line break before a letter');
    });
  }

  for (const pattern of [
    ...['^a', '\\ba', '\\Aa', 'a\\z', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?<x>a)\\k<x>', '\\Ga'],
    ...['(?=ab)a', '(a', 'a)', '[a', '[]a]', '*a', '\\', '(?x) a', '\\R', '\\X', '[z-a]'],
    '('.repeat(60) + 'a' + ')'.repeat(60),
  ]) {
    test(`does not judge ${pattern.slice(0, 20)}`, () => {
      assert.equal(shape(pattern), undefined);
    });
  }

  test('tells which characters are always part of a match', () => {
    const takes = (pattern: string): boolean[] =>
      [LETTER, SPACE, LINE_END].map(shape(pattern)!.takes);
    assert.deepEqual(takes(' ?\\p{L}+|\\s+'), [true, true, true]);
    assert.deepEqual(takes('[^\\r\\n\\p{L}]?\\p{L}+'), [true, false, false]);
    assert.deepEqual(takes('\\s*[\\r\\n]+|\\s+(?!\\S)'), [false, false, true]);
    assert.deepEqual(takes('[a-z]+|今'), [false, false, false]);
    assert.deepEqual(takes('[a-z]+|今|é'), [true, false, false]);
    assert.deepEqual(takes('\\p{L}{2}|ab| $|x '), [false, false, false]);
    assert.deepEqual(takes('(?:.?\\p{L}| )\\d*'), [true, true, false]);
    assert.deepEqual(
      takes('[^z][\\r\\n]+?|[^z]\\d?+'),
      [true, true, true].map(() => false),
    );
    assert.deepEqual(takes('(?>\\p{L}?)\\p{L}| ?+ |\\n++'), [false, false, true]);
  });

  test('tells how short a match can be and what it can hold', () => {
    const double = shape(' {2,}|``')!;
    assert.equal(double.shortest, 2);
    assert.deepEqual([LETTER, SPACE, LINE_END].map(double.holds), [false, true, false]);
    assert.equal(shape('a*')!.shortest, 0);
    assert.equal(shape('(?:ab?){3}')!.shortest, 3);
    assert.equal(shape('a{2}?')!.shortest, 0);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainField } from '../../../src/configText/explain.ts';
import { hoverAt } from '../../../src/configText/hover.ts';
import { namesIn, schemaAt, wordsOf } from '../../../src/configText/configSchema.ts';

function hover(marked: string): ReturnType<typeof hoverAt> {
  return hoverAt(marked.replace('|', ''), marked.indexOf('|'));
}

test('tells what a field is, takes, defaults to, and what the paper says', () => {
  const found = hover('{ "search": { "popu|lation": 9 } }')!;
  for (const part of [
    '**search.population**: a whole number from 2 to 1000000',
    'Time grows with it.',
    'Default: levels `12`, methodA `100`, quick `24`.',
    'Paper: 100.',
  ]) {
    assert.ok(found.markdown.includes(part), `${part} in ${found.markdown}`);
  }
  assert.deepEqual([found.offset, found.length], [14, 12]);
});

test('speaks of the value under the pointer first', () => {
  const { markdown } = hover('{ "importance": { "score": "o|bs" } }')!;
  assert.match(markdown, /`"obs"`: squared weight over the diagonal[^"]*\n/);
});

test('explains a list by its field, and a section by its fields', () => {
  assert.match(
    hover('{ "search": { "ranges": { "mlp": [0.|1, 1, 0.05] } } }')!.markdown,
    /Kept fraction of an MLP/,
  );
  assert.match(hover('{ "sea|rch": {} }')!.markdown, /Fields: `enabled`, `preset`/);
});

test('is silent where there is nothing to explain', () => {
  for (const marked of [
    '|{}',
    '{ "unk|nown": 1 }',
    '{ |"model": "m" }'.replace('|"', ' |"'),
    '{ // mo|del\n}',
    '|',
  ]) {
    const found = hover(marked);
    if (found !== null) assert.match(found.markdown, /model/, marked);
    else assert.ok(!marked.includes('|"model'));
  }
});

test('every field has an explanation in which the paper has a line of its own', () => {
  const visit = (path: readonly string[]): void => {
    for (const name of namesIn(path)) {
      const at = [...path, name];
      const schema = schemaAt(at)!;
      const text = explainField(at);
      const { what, paper } = wordsOf(schema);
      assert.ok(what.length > 10, at.join('.'));
      assert.doesNotMatch(what, /Paper:/);
      if (paper !== null) assert.ok(text.endsWith(`Paper: ${paper}.`), text);
      visit(at);
    }
  };
  visit([]);
});

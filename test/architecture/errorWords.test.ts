import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { filesUnder, ROOT } from './imports.ts';

const trees = ['src', 'webview']
  .flatMap(filesUnder)
  .filter((path) => path.endsWith('.ts') && !path.includes('/proto/'))
  .map(treeOf);

/** A piece of text in the sources, with `…` for what is put into it. */
interface Words {
  readonly place: string;
  readonly text: string;
}

describe('what people read about an error', () => {
  it('is never "expected …, found …"', () => {
    const texts = trees.flatMap(textsIn);
    assert.ok(texts.length > 1000);
    const blunt = texts.filter(({ text }) => /\bexpected\b[^.]*\bfound\b/i.test(text));
    assert.deepEqual(blunt, []);
  });

  it('is a whole sentence', () => {
    const sentences = trees.flatMap(sentencesIn);
    assert.ok(sentences.length > 150);
    // A list of problems has a line for each; a file keeps its name at the beginning too.
    const broken = sentences.filter(
      ({ text }) => !/^(["A-Z…]|config\.json )/.test(text) || !/[.?…\n]$/.test(text),
    );
    assert.deepEqual(broken, []);
  });
});

function treeOf(path: string): ts.SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
}

/** Every text and template of a file. */
function textsIn(tree: ts.SourceFile): Words[] {
  return nodesOf(tree).flatMap((node) => wordsOf(node, tree));
}

/** The texts that `sentence` is given in a file, whether as a property or as a variable. */
function sentencesIn(tree: ts.SourceFile): Words[] {
  return nodesOf(tree).flatMap((node) => {
    const isOne = ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node);
    if (!isOne || node.name.getText() !== 'sentence' || node.initializer === undefined) return [];
    return leavesOf(node.initializer).flatMap((leaf) => wordsOf(leaf, tree));
  });
}

function nodesOf(node: ts.Node): ts.Node[] {
  return [node, ...node.getChildren().flatMap(nodesOf)];
}

/** What a choice may come to; anything else is a choice of one. */
function leavesOf(node: ts.Node): ts.Node[] {
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].flatMap(leavesOf);
  return [node];
}

function wordsOf(node: ts.Node, tree: ts.SourceFile): Words[] {
  const place = `${tree.fileName}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
  if (ts.isStringLiteralLike(node)) return [{ place, text: node.text }];
  if (!ts.isTemplateExpression(node)) return [];
  return [
    {
      place,
      text: [node.head, ...node.templateSpans.map((span) => span.literal)]
        .map(({ text }) => text)
        .join('…'),
    },
  ];
}

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { filesUnder, ROOT } from './imports.ts';

/** Looking at names and facts of files, removing and renaming: these open nothing and follow nothing. */
const HARMLESS = new Set([
  ...['existsSync', 'lstatSync', 'readdirSync', 'readlinkSync', 'realpathSync', 'statSync'],
  ...['linkSync', 'renameSync', 'rmSync', 'statfsSync', 'accessSync', 'constants', 'watch'],
  // On descriptors that src/files has opened.
  ...['closeSync', 'fstatSync', 'fsyncSync', 'ftruncateSync', 'readSync'],
  ...['access', 'lstat', 'readdir', 'realpath', 'rename', 'rm', 'stat', 'statfs'],
]);
/** Folders of our own making, whose names nobody can know beforehand. */
const OWN_FOLDERS = new Set(['mkdtemp', 'mkdtempSync', 'mkdirSync']);
/** Makes temporary folders, or the folder of the service, which only its user can enter. */
const MAKERS = new Set([
  'src/engine/pipeline/temporaryFolder.ts',
  'src/service/service.ts',
  'src/service/socketPlace.ts',
  'src/service/startService.ts',
]);

describe('files that somebody else may have made', () => {
  it('are opened, read and written in src/files only', () => {
    const sources = filesUnder('src').filter(
      (path) => path.endsWith('.ts') && !path.startsWith('src/files/'),
    );
    const complaints = sources.flatMap((path) =>
      openersIn(readFileSync(join(ROOT, path), 'utf8'))
        .filter((name) => !(OWN_FOLDERS.has(name) && MAKERS.has(path)))
        .map((name) => `${path}: ${name}`),
    );
    assert.deepEqual(complaints, []);
  });

  it('are found in every way a source can name them', () => {
    assert.deepEqual(openersIn("import { readFileSync as read, statSync } from 'node:fs';"), [
      'readFileSync',
    ]);
    assert.deepEqual(openersIn("import * as fs from 'node:fs/promises';"), ['* as fs']);
    assert.deepEqual(openersIn("import fs from 'fs';"), ['fs']);
    assert.deepEqual(openersIn("const fs = await import('node:fs');"), ['import()']);
    assert.deepEqual(openersIn("import type { FileHandle } from 'node:fs/promises';"), []);
    assert.deepEqual(openersIn("import { type FSWatcher, watch } from 'node:fs';"), []);
  });
});

/** What a source takes from Node's file modules that opens, makes or copies a file. */
function openersIn(text: string): string[] {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && isFileModule(node.moduleSpecifier)) {
      found.push(...namesOf(node.importClause));
    }
    if (ts.isCallExpression(node) && node.arguments.some(isFileModule)) found.push('import()');
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.filter((name) => !HARMLESS.has(name));
}

function isFileModule(node: ts.Expression): boolean {
  return ts.isStringLiteralLike(node) && /^(node:)?fs(\/promises)?$/.test(node.text);
}

function namesOf(clause: ts.ImportClause | undefined): string[] {
  if (clause === undefined || clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return [];
  const { namedBindings } = clause;
  const names = clause.name === undefined ? [] : [clause.name.text];
  if (namedBindings === undefined) return names;
  if (ts.isNamespaceImport(namedBindings)) return [...names, `* as ${namedBindings.name.text}`];
  return [
    ...names,
    ...namedBindings.elements
      .filter((element) => !element.isTypeOnly)
      .map((element) => (element.propertyName ?? element.name).text),
  ];
}

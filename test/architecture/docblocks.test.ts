import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { filesUnder, ROOT } from './imports.ts';

const sources = ['src/engine', 'src/protocol']
  .flatMap(filesUnder)
  .filter((path) => path.endsWith('.ts') && !path.startsWith('src/engine/onnx/proto/'));

describe('the documentation in the sources', () => {
  it('tells of every export of engine and protocol what it is, in a sentence', () => {
    const missing = sources.flatMap((path) =>
      undocumented(readFileSync(join(ROOT, path), 'utf8')).map((name) => `${path}: ${name}`),
    );
    assert.equal(missing.length, 0, `\n${missing.join('\n')}`);
  });

  it('is missed where there is none, where it is no sentence and on members of a list', () => {
    const text = `
      export function bare(): void {}
      /** does a thing */
      export function small(): void {}
      /** Has no end */
      export const open = 1;
      /** @returns something */
      export const tagsOnly = 1;
      // A comment is no docblock.
      export class Commented {}
      /** A good one. */
      export interface Good {}
      /** Good for both. */
      export const one = 1, two = 2;
      /** \`code\` may begin it, and a tag may follow. @returns 1 */
      export type Code = 1;
      const local = 1;
      export { local };
      export type { Elsewhere } from './elsewhere.ts';
    `;
    assert.deepEqual(undocumented(text), [
      'bare',
      'small',
      'open',
      'tagsOnly',
      'Commented',
      'local',
    ]);
  });
});

/** Names of the exports of a source that have no docblock that starts with a sentence. */
function undocumented(text: string): string[] {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const exportedLater = new Set(source.statements.flatMap(localNamesOf));
  const seen = new Map<string, boolean>();
  for (const statement of source.statements) {
    for (const name of namesOf(statement)) {
      if (!isExported(statement) && !exportedLater.has(name)) continue;
      // An overload or a merged declaration counts as documented with any of its parts.
      seen.set(name, seen.get(name) === true || startsWithSentence(statement));
    }
  }
  return [...seen].filter(([, documented]) => !documented).map(([name]) => name);
}

function localNamesOf(statement: ts.Statement): string[] {
  if (!ts.isExportDeclaration(statement) || statement.moduleSpecifier !== undefined) return [];
  const clause = statement.exportClause;
  if (clause === undefined || !ts.isNamedExports(clause)) return [];
  return clause.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return named ? [statement.name?.text ?? 'default'] : [];
}

function isExported(statement: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

function startsWithSentence(statement: ts.Statement): boolean {
  const [doc] = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc).slice(-1);
  const text = ts.getTextOfJSDocComment(doc?.comment)?.trim() ?? '';
  // A capital letter, code in backquotes, or a formula such as `a[i] · b[i]` or `exp of …`.
  return /^([A-Z0-9`|(‖Σ{"]|[a-z](\[| ·)|exp of )[^]*?[.:](\s|$)/u.test(text);
}

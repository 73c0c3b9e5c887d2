import { readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { LAYERS, type LayerRule } from './layerTable.ts';

/** Root of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** An import that a source makes. */
export interface Import {
  /** As written, e.g. `../graphs/forwardPass.ts`. */
  readonly specifier: string;
  /** True when it leaves no trace in the program. */
  readonly typeOnly: boolean;
}

/** Every file under a folder of the repository, with `/` between its parts. */
export function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

/** Every import of a source: static, dynamic, of types only, and re-exports. */
export function importsOf(text: string): Import[] {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest);
  const typeOnly = new Set<number>();
  for (const statement of source.statements) {
    if (!isTypeOnly(statement)) continue;
    const { moduleSpecifier } = statement as ts.ImportDeclaration | ts.ExportDeclaration;
    if (moduleSpecifier !== undefined) typeOnly.add(moduleSpecifier.getStart(source) + 1);
  }
  const found = ts.preProcessFile(text, true, false);
  return [...found.importedFiles, ...patternsOf(source)].map(({ fileName, pos }) => ({
    specifier: fileName,
    typeOnly: typeOnly.has(pos + 1) || typeOnly.has(pos),
  }));
}

/** What is wrong with the imports of a source; empty when nothing is. */
export function complaintsAbout(path: string, text: string): string[] {
  const layer = layerOf(path);
  const rule = layer === undefined ? undefined : LAYERS[layer];
  if (layer === undefined || rule === undefined) return [`${path}: is in no folder of the table`];
  return importsOf(text).flatMap((one) => {
    const complaint = complaintAbout(path, { layer, rule }, one);
    return complaint === undefined ? [] : [`${path}: ${complaint}`];
  });
}

function complaintAbout(
  path: string,
  { layer, rule }: { readonly layer: string; readonly rule: LayerRule },
  { specifier, typeOnly }: Import,
): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    if (!target.startsWith('src/')) {
      return rule.files?.includes(target) === true ? undefined : `may not import ${target}`;
    }
    const other = layerOf(target);
    if (other === layer || (other !== undefined && rule.folders.includes(other))) return undefined;
    if (other !== undefined && rule.types?.includes(other) === true) {
      return typeOnly ? undefined : `may import types only from ${other}`;
    }
    return `may not import from ${other ?? target}`;
  }
  if (specifier.startsWith('node:')) {
    return rule.node?.includes(specifier) === true ? undefined : `may not use ${specifier}`;
  }
  const allowed = (rule.packages ?? []).some(
    (name) => specifier === name || (isPackage(name) && specifier.startsWith(`${name}/`)),
  );
  return allowed ? undefined : `may not use the package ${specifier}`;
}

/** `engine/graphs` of `src/engine/graphs/mlpGraph.ts`, `cli` of `src/cli/main.ts`. */
function layerOf(path: string): string | undefined {
  const parts = path.split('/').slice(1, -1);
  const name = parts.slice(0, isParent(parts[0]) ? 2 : 1).join('/');
  return name in LAYERS ? name : undefined;
}

/** True for a folder whose sub-folders are layers of their own. */
export function isParent(folder: string | undefined): boolean {
  return folder === 'engine' || folder === 'dashboard';
}

function isPackage(name: string): boolean {
  return name.split('/').length === (name.startsWith('@') ? 2 : 1);
}

function isTypeOnly(statement: ts.Statement): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  if (!ts.isImportDeclaration(statement)) return false;
  const clause = statement.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  if (clause.name !== undefined || named === undefined || !ts.isNamedImports(named)) return false;
  return named.elements.length > 0 && named.elements.every((element) => element.isTypeOnly);
}

/** Dynamic imports of a pattern, which preProcessFile does not see: its fixed beginning counts. */
function patternsOf(source: ts.SourceFile): { fileName: string; pos: number }[] {
  const found: { fileName: string; pos: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isTemplateExpression(argument)) {
        found.push({ fileName: `${argument.head.text}pattern.ts`, pos: argument.pos });
      } else if (argument !== undefined && !ts.isStringLiteralLike(argument)) {
        found.push({ fileName: '(an import that cannot be read)', pos: argument.pos });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

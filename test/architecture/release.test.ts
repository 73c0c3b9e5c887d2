import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { filesUnder, ROOT } from './imports.ts';

/** Calls that fail with the disk, as the work before them did. */
const FAILING = /^(?:rm|rmSync|unlink|unlinkSync|closeSync|removeFile|handle\.close|file\.close)$/;

describe('what a `finally` or a rethrowing `catch` releases', () => {
  it('hides no error of the work before it', () => {
    const complaints = filesUnder('src')
      .filter((path) => path.endsWith('.ts') && path !== 'src/files/release.ts')
      .flatMap((path) =>
        hidersIn(readFileSync(join(ROOT, path), 'utf8')).map((call) => `${path}: ${call}`),
      );
    assert.deepEqual(complaints, []);
  });

  it('is found where it stands, and not where a failure is let go', () => {
    assert.deepEqual(hidersIn('try { a(); } finally { closeSync(file); }'), ['closeSync']);
    assert.deepEqual(hidersIn('try { a(); } finally { if (b) await handle.close(); }'), [
      'handle.close',
    ]);
    assert.deepEqual(hidersIn('try { a(); } catch (e) { rmSync(b); throw e; }'), ['rmSync']);
    assert.deepEqual(hidersIn('try { a(); } catch { rmSync(b); }'), []);
    const quiet = 'releaseQuietly(() => { closeSync(file); })';
    assert.deepEqual(hidersIn(`try { a(); } finally { ${quiet}; }`), []);
    const caught = 'await handle.close().catch(() => undefined)';
    assert.deepEqual(hidersIn(`try { a(); } finally { ${caught}; }`), []);
  });
});

/** Calls whose error would take the place of the one that is on its way. */
function hidersIn(text: string): string[] {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const inRelease = (node: ts.Node): void => {
    // What a function does is the concern of who calls it.
    if (ts.isFunctionLike(node)) return;
    if (ts.isCallExpression(node)) {
      const callee = node.expression.getText(source);
      if (/\.catch$/.test(callee)) return;
      if (FAILING.test(callee)) found.push(callee);
    }
    ts.forEachChild(node, inRelease);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTryStatement(node)) {
      if (node.finallyBlock !== undefined) inRelease(node.finallyBlock);
      const caught = node.catchClause?.block;
      if (caught?.statements.some(ts.isThrowStatement) === true) inRelease(caught);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

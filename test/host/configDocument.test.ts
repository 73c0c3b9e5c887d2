import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import '../fakes/useVscode.ts';
import type * as Vscode from 'vscode';
import type { TestDocument } from '../fakes/vscodeText.ts';
import { isEngineError } from '../../src/protocol/errors.ts';

const { fake, reset, Uri, workspace } = await import('../fakes/vscode.ts');
const { editConfigField, viewConfig, watchConfig } =
  await import('../../src/host/language/configDocument.ts');

const TEXT = `{
  "model": "m", // mine
  "ratio": 0.7,
  "text": "t",
}
`;

describe('the config of a run, seen and edited by its dashboard', () => {
  let folder: string;
  let path: string;
  let file: Vscode.Uri;

  beforeEach(async () => {
    reset();
    folder = await mkdtemp(join(tmpdir(), 'config-'));
    fake.folders = [folder];
    path = join(folder, 'a.subnet.jsonc');
    file = Uri.file(path) as unknown as Vscode.Uri;
    await writeFile(path, TEXT);
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function opened(): Promise<TestDocument> {
    return await workspace.openTextDocument(Uri.file(path));
  }

  test('shows every field, what is wrong, and whether the file has changed since', async () => {
    const view = await viewConfig(file, TEXT);
    assert.deepEqual([view.editable, view.why, view.changed, view.problems], [true, '', false, []]);
    assert.equal(view.fields.find((one) => one.path.join('.') === 'ratio')?.value, 0.7);
    (await opened()).change(TEXT.replace('0.7', '7'));
    const later = await viewConfig(file, TEXT);
    assert.deepEqual([later.changed, later.problems.length], [true, 1]);
  });

  test('does not take other line ends for a change', async () => {
    await writeFile(path, TEXT.replaceAll('\n', '\r\n'));
    assert.equal((await viewConfig(file, TEXT)).changed, false);
  });

  test('writes a field to a clean file, comment and all, and saves it', async () => {
    const view = await editConfigField(file, { path: ['search', 'top'], value: 5 }, TEXT);
    assert.equal(view.fields.find((one) => one.path.join('.') === 'search.top')?.value, 5);
    assert.match(
      await readFile(path, 'utf8'),
      /"model": "m", \/\/ mine\n[^]*"search": \{ "top": 5 \}/,
    );
  });

  test('can be undone in one step', async () => {
    await editConfigField(file, { path: ['ratio'], value: 0.5 }, TEXT);
    const document = await opened();
    document.undo();
    assert.equal(document.getText(), TEXT);
  });

  test('leaves a file unsaved in which the user has changes of their own', async () => {
    const document = await opened();
    document.change(TEXT.replace('mine', 'ours'));
    await editConfigField(file, { path: ['ratio'], value: 0.5 }, TEXT);
    assert.equal(document.getText(), TEXT.replace('mine', 'ours').replace('0.7', '0.5'));
    assert.ok(document.isDirty);
    assert.equal(await readFile(path, 'utf8'), TEXT);
  });

  test('takes a field out again', async () => {
    await editConfigField(file, { path: ['seed'], value: 5 }, TEXT);
    await editConfigField(file, { path: ['seed'], value: null }, TEXT);
    assert.equal(await readFile(path, 'utf8'), TEXT);
  });

  const refusals: readonly (readonly [string, () => unknown, readonly string[], RegExp])[] = [
    ['a field that a dashboard may not edit', () => 0, ['search', 'ranges'], /no field/],
    ['a file outside the workspace', () => (fake.folders = ['/elsewhere']), ['seed'], /outside/],
    ['a workspace without trust', () => (fake.isTrusted = false), ['seed'], /not trusted/],
    ['a file that is gone', () => rm(path), ['seed'], /gone/],
    ['a file that is no JSON', () => writeFile(path, 'model: m'), ['seed'], /no JSON/],
  ];
  for (const [name, prepare, field, pattern] of refusals) {
    test(`refuses ${name}`, async () => {
      await prepare();
      await assert.rejects(
        editConfigField(file, { path: field, value: 1 }, TEXT),
        (error) => isEngineError(error, 'config') && pattern.test(error.message),
      );
    });
  }

  test('shows the text the run was started with when the file is gone', async () => {
    await rm(path);
    const view = await viewConfig(file, TEXT);
    assert.deepEqual([view.editable, view.changed], [false, false]);
    assert.match(view.why, /a\.subnet\.jsonc is gone/);
    assert.ok(view.fields.length > 30);
  });

  test('tells of a change in the editor', async () => {
    const document = await opened();
    await new Promise<void>((resolve) => {
      const watching = watchConfig(file, () => {
        watching.dispose();
        resolve();
      });
      document.change('{}');
    });
  });
});

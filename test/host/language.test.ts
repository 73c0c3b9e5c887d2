import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import '../fakes/useVscode.ts';
import type * as Vscode from 'vscode';
import type { CodeAction, CompletionItem, Diagnostic, TestDocument } from '../fakes/vscodeText.ts';

const {
  fake,
  reset,
  Uri,
  Range,
  EventEmitter,
  workspace,
  TestDocument: Document,
} = await import('../fakes/vscode.ts');
const { ModelLibrary } = await import('../../src/host/models/modelLibrary.ts');
const { DeviceKnowledge } = await import('../../src/host/devices/deviceKnowledge.ts');
const { TestMemento } = await import('../fakes/vscodeWidgets.ts');
const { ConfigDiagnostics } = await import('../../src/host/language/diagnostics.ts');
const { ConfigActions } = await import('../../src/host/language/codeActions.ts');
const { ConfigCompletions } = await import('../../src/host/language/completionItems.ts');
const { ConfigLenses } = await import('../../src/host/language/lensItems.ts');
const { ConfigInlays } = await import('../../src/host/language/inlays.ts');

const EXAMPLES = new URL('../../examples/', import.meta.url).pathname;

describe('help with run configs', () => {
  let folder: string;
  const cache = process.env['HF_HUB_CACHE'];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'language-'));
    process.env['HF_HUB_CACHE'] = join(folder, 'hub');
    await cp(join(EXAMPLES, 'tiny-llama'), join(folder, 'tiny-llama'), { recursive: true });
    await mkdir(join(folder, 'broken'));
    await cp(join(EXAMPLES, 'tiny-llama/model.safetensors'), join(folder, 'broken/m.safetensors'));
    await writeFile(join(folder, 'broken/config.json'), '{"model_type": "mamba"}');
    await writeFile(join(folder, 'words.txt'), 'words');
  });
  after(async () => {
    if (cache === undefined) delete process.env['HF_HUB_CACHE'];
    else process.env['HF_HUB_CACHE'] = cache;
    await rm(folder, { recursive: true });
  });
  beforeEach(() => {
    reset();
    fake.folders = [folder];
  });

  function documentOf(text: string, languageId = 'jsonc'): TestDocument {
    const document = new Document(Uri.file(join(folder, 'a.subnet.jsonc')), text, languageId);
    fake.documents.push(document);
    return document;
  }

  async function problemsOf(document: TestDocument): Promise<readonly Diagnostic[]> {
    const diagnostics = new ConfigDiagnostics(
      new ModelLibrary(),
      new DeviceKnowledge(new TestMemento() as never),
    );
    await diagnostics.check(document as unknown as Vscode.TextDocument);
    diagnostics.dispose();
    return fake.diagnostics.get(document.uri.fsPath) ?? [];
  }

  /** code, marked text */
  function marks(document: TestDocument, found: readonly Diagnostic[]): string[][] {
    return found.map(({ code, range }) => [
      code ?? '',
      document.getText().slice(document.offsetAt(range.start), document.offsetAt(range.end)),
    ]);
  }

  test('underlines a device that this machine refuses', async () => {
    const other = process.platform === 'win32' ? 'coreml' : 'dml';
    const document = documentOf(
      `{ "model": ".", "ratio": 0.7, "text": ".", "device": "${other}" }`,
    );
    const found = (await problemsOf(document)).filter(({ code }) => code === 'refusedDevice');
    assert.deepEqual(marks(document, found), [['refusedDevice', `"${other}"`]]);
    assert.match(
      found[0]!.message,
      /is available on \w+ only\. Choose another device, or "auto"\./,
    );
  });

  test('marks what the text and what the disk says, each at its characters', async () => {
    const document = documentOf(
      '{ "model": "tiny-lama", "ratio": 70, "text": "none.txt", "heldout": "none.txt" }',
    );
    assert.deepEqual(marks(document, await problemsOf(document)), [
      ['value', '70'],
      ['missingModel', '"tiny-lama"'],
      ['missingText', '"none.txt"'],
      ['missingText', '"none.txt"'],
      ['sameText', '"none.txt"'],
    ]);
  });

  test('says why a folder is no model that can be pruned', async () => {
    const document = documentOf('{ "model": "broken", "ratio": 0.7, "text": "words.txt" }');
    const [problem, ...others] = await problemsOf(document);
    assert.match(problem!.message, /"mamba", an architecture that cannot be pruned yet/);
    assert.deepEqual([problem!.code, others], ['badModel', []]);
  });

  test('tells of a path out of the workspace, as information', async () => {
    const document = documentOf('{ "model": "tiny-llama", "ratio": 0.7, "text": "/etc/hosts" }');
    const [problem] = await problemsOf(document);
    assert.deepEqual([problem?.code, problem?.severity], ['outside', 2]);
  });

  test('leaves broken JSON to the editor, unless that does not look', async () => {
    assert.deepEqual(await problemsOf(documentOf('{ "model" }')), []);
    fake.settings['json.validate.enable'] = false;
    assert.equal((await problemsOf(documentOf('{ "model" }')))[0]?.code, 'syntax');
  });

  test('repairs a problem, and offers the models there are for one that is missing', async () => {
    const document = documentOf('{ "model": "tiny-lama", "ratoi": 0.7, "text": "words.txt" }');
    const diagnostics = await problemsOf(document);
    const actions = new ConfigActions(new ModelLibrary());
    const everything = new Range(document.positionAt(0), document.positionAt(99));
    const found = (await actions.provideCodeActions(
      document as unknown as Vscode.TextDocument,
      everything as unknown as Vscode.Range,
      { diagnostics } as unknown as Vscode.CodeActionContext,
    )) as unknown as CodeAction[];
    const titled = (title: string): CodeAction => found.find((one) => one.title === title)!;
    assert.equal(titled('Change to "ratio"').diagnostics?.[0]?.code, 'unknown');
    await workspace.applyEdit(titled('Change to "ratio"').edit!);
    await workspace.applyEdit(titled('Use the model ./tiny-llama').edit!);
    assert.deepEqual(await problemsOf(document), []);
  });

  async function completionsAt(marked: string): Promise<readonly CompletionItem[]> {
    const document = documentOf(marked.replace('|', ''));
    const found = await new ConfigCompletions(new ModelLibrary()).provideCompletionItems(
      document as unknown as Vscode.TextDocument,
      document.positionAt(marked.indexOf('|')) as unknown as Vscode.Position,
    );
    return found as unknown as CompletionItem[];
  }

  test('completes models that can be pruned and texts, relative to the config', async () => {
    const models = await completionsAt('{ "model": | }');
    assert.deepEqual(
      models.map(({ label }) => label),
      [{ label: './tiny-llama', description: 'llama · 1.84 M' }],
    );
    const texts = (await completionsAt('{ "text": "|" }')).map(({ label }) => label.label);
    assert.deepEqual(texts, ['./words.txt', './tiny-llama/README.md']);
  });

  test('completes a ratio with what it would keep of the model', async () => {
    const [first] = await completionsAt('{ "model": "tiny-llama", "ratio": | }');
    assert.match(first!.label.description!, /keeps 1.42 M of 1.57 M/);
  });

  test('shows buttons, the last one once there is a result, and none when switched off', () => {
    let has = false;
    const changed = new EventEmitter<void>();
    const results = { hasResult: () => has, onDidChange: changed.event };
    const lenses = new ConfigLenses(results);
    const document = documentOf('{ "model": "m" }') as unknown as Vscode.TextDocument;
    let fired = 0;
    lenses.onDidChangeCodeLenses(() => fired++);
    const commands = (): string[] =>
      lenses.provideCodeLenses(document).map(({ command }) => command!.command);
    assert.deepEqual(commands(), [
      'subnetStudio.run',
      'subnetStudio.dryRun',
      'subnetStudio.compareMethods',
    ]);
    changed.fire();
    assert.equal(fired, 0);
    has = true;
    changed.fire();
    assert.equal(fired, 1);
    assert.equal(commands()[3], 'subnetStudio.openLastResult');
    fake.settings['subnetStudio.codeLens'] = false;
    assert.deepEqual(commands(), []);
  });

  test('shows figures only where the editor asks for them, and none when switched off', async () => {
    const document = documentOf('{ "model": "tiny-llama",\n"ratio": 0.7,\n"text": "words.txt" }');
    const inlays = new ConfigInlays(new ModelLibrary());
    const range = new Range(document.positionAt(0), document.positionAt(24));
    const ask = (): Promise<Vscode.InlayHint[]> =>
      inlays.provideInlayHints(
        document as unknown as Vscode.TextDocument,
        range as unknown as Vscode.Range,
      );
    const labels = (await ask()).map(({ label }) => label);
    assert.deepEqual(labels, ['llama · 8 blocks · 1.84 M · 3.68 MB']);
    fake.settings['subnetStudio.inlayHints'] = false;
    assert.deepEqual(await ask(), []);
  });
});

/* eslint-disable @typescript-eslint/explicit-module-boundary-types -- the real types are those of the editor */
// What host code uses of the editor's API, made of plain objects. A test sets `fake` up, calls the
// code, and looks at `fake`. What is not here is not used, or a test would fail to link.
import { readdirSync } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import {
  changedDocument,
  TestDocument,
  type Diagnostic,
  type WorkspaceEdit,
} from './vscodeText.ts';
import { Disposable, EventEmitter, Uri } from './vscodeValues.ts';
import { TestColumns, TestPanel, TestPick, TestTree } from './vscodeWidgets.ts';

export * from './vscodeText.ts';
export * from './vscodeValues.ts';

/** A message that was shown, with its buttons. */
export interface ShownMessage {
  readonly kind: 'error' | 'warning' | 'information';
  readonly text: string;
  readonly buttons: readonly string[];
  readonly modal: boolean;
}

const start = () => ({
  folders: [] as string[],
  isTrusted: true,
  settings: {} as Record<string, unknown>,
  /** Answers to pickers, in order: a label, several, or undefined for Escape. */
  picks: [] as (string | readonly string[] | undefined)[],
  /** Buttons pressed on messages, in order. */
  presses: [] as (string | undefined)[],
  messages: [] as ShownMessage[],
  /** Rows of the last picker that had one. */
  choices: [] as {
    readonly label: string;
    readonly description?: string;
    readonly detail?: string;
  }[],
  /** What an open dialog is answered with. */
  openFolder: undefined as string | undefined,
  /** Labels of the rows of the last picker. */
  offered: [] as string[],
  contexts: {} as Record<string, unknown>,
  executed: [] as { readonly command: string; readonly args: readonly unknown[] }[],
  commands: new Map<string, (...args: unknown[]) => unknown>(),
  opened: [] as string[],
  trees: new Map<string, TestTree>(),
  panels: [] as TestPanel[],
  columns: new TestColumns(),
  clipboard: '',
  logged: [] as string[],
  statusText: undefined as string | undefined,
  /** Every command that was given to a status bar item. */
  statusCommands: [] as unknown[],
  deleted: [] as string[],
  activeFile: undefined as string | undefined,
  /** What a save dialog is answered with. */
  saveAs: undefined as string | undefined,
  /** Documents that are open. */
  documents: [] as TestDocument[],
  /** Problems by file. */
  diagnostics: new Map<string, readonly Diagnostic[]>(),
});

/** What the tests set and see; {@link reset} between two of them. */
export const fake = start();

/** Forgets everything. */
export function reset(): void {
  Object.assign(fake, start());
}

const noEvent = (): Disposable => new Disposable(() => undefined);
const nothing = (): undefined => undefined;

function message(kind: ShownMessage['kind']) {
  return (text: string, ...rest: unknown[]): Promise<string | undefined> => {
    const modal = rest.some((one) => typeof one === 'object');
    const buttons = rest.filter((one): one is string => typeof one === 'string');
    fake.messages.push({ kind, text, buttons, modal });
    return Promise.resolve(fake.presses.shift());
  };
}

export const window = {
  showErrorMessage: message('error'),
  showWarningMessage: message('warning'),
  showInformationMessage: message('information'),
  showQuickPick(items: { label: string }[], options?: { canPickMany?: boolean }) {
    fake.offered = items.map(({ label }) => label);
    fake.choices = items.map((item) => {
      const { label, description, detail } = item as (typeof fake.choices)[number];
      return {
        label,
        ...(description === undefined ? {} : { description }),
        ...(detail === undefined ? {} : { detail }),
      };
    });
    const answer = fake.picks.shift();
    const isChosen = ({ label }: { label: string }): boolean =>
      typeof answer === 'string' ? label.includes(answer) : answer?.includes(label) === true;
    const chosen = answer === undefined ? undefined : items.filter(isChosen);
    return Promise.resolve(options?.canPickMany === true ? chosen : chosen?.[0]);
  },
  showOpenDialog: () =>
    Promise.resolve(fake.openFolder === undefined ? undefined : [Uri.file(fake.openFolder)]),
  showSaveDialog: () =>
    Promise.resolve(fake.saveAs === undefined ? undefined : Uri.file(fake.saveAs)),
  showTextDocument(what: Uri | { uri: Uri }) {
    fake.opened.push(('uri' in what ? what.uri : what).fsPath);
    return Promise.resolve({});
  },
  get activeTextEditor() {
    const path = fake.activeFile;
    return path === undefined ? undefined : { document: { uri: Uri.file(path) } };
  },
  visibleTextEditors: [],
  createQuickPick: () => new TestPick(fake.picks),
  createInputBox: () => new TestPick(fake.picks),
  createOutputChannel: () => {
    const write = (text: string): void => void fake.logged.push(text);
    return {
      info: write,
      warn: write,
      error: write,
      debug: write,
      show: nothing,
      dispose: nothing,
    };
  },
  createTreeView(id: string, options: { treeDataProvider: object }) {
    const tree = new TestTree(options.treeDataProvider);
    fake.trees.set(id, tree);
    return tree;
  },
  createWebviewPanel(type: string, title: string, place?: number | { viewColumn: number }) {
    const wanted = typeof place === 'object' ? place.viewColumn : place;
    const panel = new TestPanel(type, title, fake.columns.open(wanted));
    fake.panels.push(panel);
    return panel;
  },
  get tabGroups() {
    return fake.columns;
  },
  createStatusBarItem: () => ({
    set command(command: unknown) {
      fake.statusCommands.push(command);
    },
    set text(text: string) {
      fake.statusText = text;
    },
    show: nothing,
    hide: () => {
      fake.statusText = undefined;
    },
    dispose: nothing,
  }),
  registerWebviewPanelSerializer: noEvent,
  registerFileDecorationProvider: noEvent,
  setStatusBarMessage: noEvent,
  onDidChangeActiveTextEditor: noEvent,
  withProgress: (_: unknown, work: (progress: object, token: object) => unknown) =>
    work({ report: nothing }, { onCancellationRequested: noEvent }),
};

export const commands = {
  registerCommand(id: string, handler: (...args: unknown[]) => unknown) {
    fake.commands.set(id, handler);
    return noEvent();
  },
  executeCommand(command: string, ...args: unknown[]) {
    if (command === 'setContext') fake.contexts[String(args[0])] = args[1];
    else fake.executed.push({ command, args });
    return Promise.resolve();
  },
};

const configured = new EventEmitter<{ affectsConfiguration: (name: string) => boolean }>();

export const workspace = {
  get isTrusted() {
    return fake.isTrusted;
  },
  get workspaceFolders() {
    return fake.folders.map((path, index) => ({
      uri: Uri.file(path),
      name: basename(path),
      index,
    }));
  },
  get textDocuments() {
    return fake.documents;
  },
  getConfiguration: (prefix: string) => ({
    get: (name: string, otherwise: unknown) => fake.settings[`${prefix}.${name}`] ?? otherwise,
    update(name: string, value: unknown) {
      fake.settings[`${prefix}.${name}`] = value;
      configured.fire({ affectsConfiguration: (asked) => asked === `${prefix}.${name}` });
      return Promise.resolve();
    },
  }),
  onDidChangeConfiguration: configured.event,
  getWorkspaceFolder: ({ fsPath }: Uri) =>
    workspace.workspaceFolders.find(({ uri }) => isIn(uri.fsPath, fsPath)),
  asRelativePath(what: Uri | string) {
    const path = typeof what === 'string' ? what : what.fsPath;
    const folder = fake.folders.find((one) => isIn(one, path));
    return folder === undefined ? path : relative(folder, path).split(sep).join('/');
  },
  findFiles: (glob: string) =>
    Promise.resolve(
      fake.folders.flatMap((folder) =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' })
          .filter((path) => globMatches(path.split(sep).join('/'), glob))
          .map((path) => Uri.file(join(folder, path))),
      ),
    ),
  createFileSystemWatcher: () => ({
    ...{ onDidCreate: noEvent, onDidChange: noEvent, onDidDelete: noEvent, dispose: nothing },
  }),
  openTextDocument: async (uri: Uri) => {
    const known = fake.documents.find((one) => one.uri.toString() === uri.toString());
    const document = known ?? (await TestDocument.open(uri));
    if (known === undefined) fake.documents.push(document);
    return document;
  },
  applyEdit(edit: WorkspaceEdit) {
    for (const document of fake.documents) {
      if (edit.edits.some(({ uri }) => uri.toString() === document.uri.toString())) {
        edit.applyTo(document);
      }
    }
    return Promise.resolve(true);
  },
  registerTextDocumentContentProvider: noEvent,
  onDidChangeWorkspaceFolders: noEvent,
  onDidGrantWorkspaceTrust: noEvent,
  onDidChangeTextDocument: changedDocument.event,
  onDidOpenTextDocument: noEvent,
  onDidSaveTextDocument: noEvent,
  onDidCloseTextDocument: noEvent,
  fs: {
    writeFile: (uri: Uri, bytes: Uint8Array) => writeFile(uri.fsPath, bytes),
    stat: (uri: Uri) => stat(uri.fsPath),
    createDirectory: (uri: Uri) => mkdir(uri.fsPath, { recursive: true }),
    isWritableFileSystem: () => true,
    async delete(uri: Uri) {
      fake.deleted.push(uri.fsPath);
      await rm(uri.fsPath, { recursive: true });
    },
  },
};

export const env = {
  ...{ language: 'en', appHost: 'test', remoteName: undefined, uiKind: 1 },
  clipboard: {
    writeText(text: string) {
      fake.clipboard = text;
      return Promise.resolve();
    },
  },
};

export const tasks = { registerTaskProvider: noEvent };
export const languages = {
  createDiagnosticCollection: () => ({
    set: (uri: Uri, all: readonly Diagnostic[]) => void fake.diagnostics.set(uri.fsPath, all),
    delete: (uri: Uri) => void fake.diagnostics.delete(uri.fsPath),
    dispose: nothing,
  }),
  registerCodeActionsProvider: noEvent,
  registerCompletionItemProvider: noEvent,
  registerHoverProvider: noEvent,
  registerCodeLensProvider: noEvent,
  registerInlayHintsProvider: noEvent,
};
export const version = '1.101.0';

export const l10n = {
  t: (text: string, ...values: readonly (string | number)[]): string =>
    text.replaceAll(/\{(\d+)\}/g, (_, i: string) => String(values[Number(i)])),
};

function isIn(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

/** `**` also matches names that begin with a dot, as the editor's does. */
function globMatches(path: string, glob: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^$()|]/g, '\\$&')
    .replaceAll('**/', '<any>')
    .replaceAll('*', '[^/]*')
    .replaceAll('<any>', '(?:.*/)?')
    .replaceAll(/\{([^}]*)\}/g, (_, list: string) => `(?:${list.replaceAll(',', '|')})`);
  return new RegExp(`^${pattern}$`).test(path);
}

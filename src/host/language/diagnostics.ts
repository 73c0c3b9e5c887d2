import * as vscode from 'vscode';
import { modelIssues } from '../../configText/modelIssues.ts';
import { configIssues } from '../../configText/problems.ts';
import type { DeviceKnowledge } from '../devices/deviceKnowledge.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { factsOf } from './configModel.ts';
import { configFolder, isConfig } from './configPath.ts';
import { deviceRemarks, diskRemarks } from './diskChecks.ts';

/** What our diagnostics are signed with. */
export const SOURCE = 'Subnet Studio';

/** Quiet time after a key before the text is looked at, ms: less than a pause between words. */
const QUIET_MS = 200;

/** Keeps the Problems of every open run config up to date. */
export class ConfigDiagnostics implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection('subnetStudio');
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly models: ModelLibrary;
  private readonly devices: DeviceKnowledge;

  constructor(models: ModelLibrary, devices: DeviceKnowledge) {
    this.models = models;
    this.devices = devices;
    const { workspace } = vscode;
    this.subscriptions = [
      workspace.onDidOpenTextDocument((document) => this.soon(document, 0)),
      workspace.onDidSaveTextDocument((document) => this.soon(document, 0)),
      workspace.onDidChangeTextDocument(({ document }) => this.soon(document, QUIET_MS)),
      workspace.onDidCloseTextDocument((document) => this.forget(document.uri)),
      // The disk may have changed while another file was looked at.
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        if (editor !== undefined) this.soon(editor.document, 0);
      }),
      models.onDidChange(() => this.checkAll()),
      devices.onDidChange(() => this.checkAll()),
    ];
    this.checkAll();
  }

  /** Looks at a document now. */
  async check(document: vscode.TextDocument): Promise<void> {
    const text = document.getText();
    const { version } = document;
    const folder = configFolder(document.uri);
    const own = ownDiagnostics(document, text);
    // What the text says is shown at once; the disk may be slow.
    this.collection.set(document.uri, own);
    if (folder === undefined) return;
    const remarks = [
      ...(await diskRemarks(text, folder, (path) => this.models.read(path))),
      ...deviceRemarks(text, (device) => this.devices.refusalOf(device)),
    ];
    const facts = await factsOf(document, this.models);
    const misfits = facts === null ? [] : modelIssues(text, facts);
    if (document.isClosed || document.version !== version) return;
    if (remarks.length + misfits.length === 0) return;
    this.collection.set(document.uri, [
      ...own,
      ...remarks.map(({ kind, severity, offset, length, message }) =>
        diagnosticAt(document, { offset, length, message, severity, code: kind }),
      ),
      ...misfits.map(({ code, isError, offset, length, message }) => {
        const { Error, Information } = vscode.DiagnosticSeverity;
        const severity = isError ? Error : Information;
        return diagnosticAt(document, { offset, length, message, severity, code });
      }),
    ]);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    for (const one of this.subscriptions) one.dispose();
    this.collection.dispose();
  }

  private checkAll(): void {
    for (const document of vscode.workspace.textDocuments) this.soon(document, 0);
  }

  private soon(document: vscode.TextDocument, ms: number): void {
    if (!isConfig(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    const look = (): void => {
      this.timers.delete(key);
      if (!document.isClosed) void this.check(document);
    };
    this.timers.set(key, setTimeout(look, ms));
  }

  private forget(uri: vscode.Uri): void {
    clearTimeout(this.timers.get(uri.toString()));
    this.timers.delete(uri.toString());
    this.collection.delete(uri);
  }
}

/**
 * Problems that the text alone has. Broken JSON is left to the editor's own JSON support, which marks
 * it in every file; saying it twice would help nobody.
 */
function ownDiagnostics(document: vscode.TextDocument, text: string): vscode.Diagnostic[] {
  const isJson = document.languageId === 'jsonc' || document.languageId === 'json';
  const validates = vscode.workspace.getConfiguration('json').get('validate.enable', true);
  return configIssues(text)
    .filter(({ kind }) => kind !== 'syntax' || !isJson || !validates)
    .map(({ kind, offset, length, message }) =>
      diagnosticAt(document, {
        ...{ offset, length, message, code: kind },
        severity: vscode.DiagnosticSeverity.Error,
      }),
    );
}

function diagnosticAt(
  document: vscode.TextDocument,
  about: {
    readonly offset: number;
    readonly length: number;
    readonly message: string;
    readonly severity: vscode.DiagnosticSeverity;
    readonly code: string;
  },
): vscode.Diagnostic {
  const { offset, length, message, severity, code } = about;
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
  const diagnostic = new vscode.Diagnostic(range, message, severity);
  diagnostic.source = SOURCE;
  diagnostic.code = code;
  return diagnostic;
}

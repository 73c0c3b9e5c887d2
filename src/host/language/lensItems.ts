import * as vscode from 'vscode';
import { configLenses } from '../../configText/lenses.ts';
import { onSetting, PREFIX, setting } from '../settings.ts';
import { isConfig } from './configPath.ts';

/** What is known of the runs of a config. */
export interface Results {
  /** True when a run of it can be shown. */
  hasResult(config: vscode.Uri): boolean;
  /** That may have changed. */
  readonly onDidChange: vscode.Event<void>;
}

/** The buttons above a run config. */
export class ConfigLenses implements vscode.CodeLensProvider, vscode.Disposable {
  private readonly results: Results;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly vscode.Disposable[];
  private readonly shown = new Map<string, boolean>();

  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(results: Results) {
    this.results = results;
    this.subscriptions = [
      onSetting('codeLens', () => this.changed.fire()),
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.changed.fire()),
      results.onDidChange(() => this.lookAgain()),
    ];
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!isConfig(document) || !setting('codeLens', document)) return [];
    const hasResult = this.results.hasResult(document.uri);
    this.shown.set(document.uri.toString(), hasResult);
    const canRun = vscode.workspace.isTrusted;
    return configLenses(document.getText(), { hasResult, canRun }).flatMap(({ offset, lenses }) => {
      const position = document.positionAt(offset);
      const range = new vscode.Range(position, position);
      return lenses.map(({ action, title, tooltip }) => {
        const command = `${PREFIX}.${action}`;
        return new vscode.CodeLens(range, { command, title, tooltip, arguments: [document.uri] });
      });
    });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }

  /** Runs change often while one is going; buttons change only with the first result. */
  private lookAgain(): void {
    const moved = [...this.shown].some(
      ([uri, had]) => this.results.hasResult(vscode.Uri.parse(uri)) !== had,
    );
    if (moved) this.changed.fire();
  }
}

import * as vscode from 'vscode';
import { configHints } from '../../configText/hints.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import { onSetting, setting } from '../settings.ts';
import { factsOf } from './configModel.ts';
import { isConfig } from './configPath.ts';
import { markdown } from '../ui/messages.ts';

/** Figures that follow from a run config, within its text. */
export class ConfigInlays implements vscode.InlayHintsProvider, vscode.Disposable {
  private readonly models: ModelLibrary;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly vscode.Disposable[];

  readonly onDidChangeInlayHints = this.changed.event;

  constructor(models: ModelLibrary) {
    this.models = models;
    const tell = (): void => this.changed.fire();
    this.subscriptions = [onSetting('inlayHints', tell), models.onDidChange(tell)];
  }

  async provideInlayHints(
    document: vscode.TextDocument,
    range: vscode.Range,
  ): Promise<vscode.InlayHint[]> {
    if (!isConfig(document) || !setting('inlayHints', document)) return [];
    const { version } = document;
    const facts = await factsOf(document, this.models);
    if (document.version !== version) return [];
    return configHints(document.getText(), facts).flatMap(({ offset, label, tooltip }) => {
      const position = document.positionAt(offset);
      if (!range.contains(position)) return [];
      const hint = new vscode.InlayHint(position, label);
      hint.paddingLeft = true;
      if (tooltip !== '') hint.tooltip = markdown(tooltip);
      return [hint];
    });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }
}

import * as vscode from 'vscode';
import type { InspectPart } from '../../protocol/engineApi.ts';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import type { Target } from '../commands/target.ts';
import { joined } from '../ui/format.ts';
import type { FoundModel, ModelLibrary } from './modelLibrary.ts';
import { labelText, markdown, markdownText } from '../ui/messages.ts';

/** A row: a model, or one kind of its parameters. */
export type ModelRow =
  | { readonly kind: 'model'; readonly model: FoundModel; readonly target: Target }
  | {
      readonly kind: 'part';
      readonly part: InspectPart;
      readonly parent: ModelRow;
      readonly target: Target;
    };

/** Scheme that rows are decorated by; nothing is ever opened by it. */
const SCHEME = 'subnet-model';
/** What the path of a greyed row begins with. */
const GREYED = '/unreadable/';

/** The view of models; those that cannot be pruned are there too, greyed, with the reason. */
export class ModelTree
  implements vscode.TreeDataProvider<ModelRow>, vscode.FileDecorationProvider, vscode.Disposable
{
  readonly view: vscode.TreeView<ModelRow>;
  private readonly library: ModelLibrary;
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly subscriptions: readonly vscode.Disposable[];

  readonly onDidChangeTreeData = this.changed.event;

  constructor(library: ModelLibrary) {
    this.library = library;
    this.view = vscode.window.createTreeView('subnetStudio.models', {
      treeDataProvider: this,
      showCollapseAll: true,
    });
    this.subscriptions = [
      this.view,
      vscode.window.registerFileDecorationProvider(this),
      library.onDidChange(() => this.changed.fire(undefined)),
    ];
  }

  async getChildren(row?: ModelRow): Promise<ModelRow[]> {
    if (row === undefined) {
      const models = await this.library.list();
      return models.map((model) => ({ kind: 'model', model, target: { file: model.folder } }));
    }
    if (row.kind === 'part' || row.model.reading.kind !== 'model') return [];
    const { parts } = row.model.reading.report;
    return parts.map((part) => ({ kind: 'part', part, parent: row, target: row.target }));
  }

  getParent(row: ModelRow): ModelRow | undefined {
    return row.kind === 'part' ? row.parent : undefined;
  }

  getTreeItem(row: ModelRow): vscode.TreeItem {
    return row.kind === 'model' ? modelItem(row.model) : partItem(row.part, row.target);
  }

  resolveTreeItem(item: vscode.TreeItem, row: ModelRow): vscode.TreeItem {
    const text = row.kind === 'model' ? modelTooltip(row.model) : markdownText(row.part.reason);
    item.tooltip = markdown(text);
    return item;
  }

  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    if (uri.scheme !== SCHEME || !uri.path.startsWith(GREYED)) return undefined;
    return { color: new vscode.ThemeColor('disabledForeground') };
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }
}

function modelItem(model: FoundModel): vscode.TreeItem {
  const { name, folder, reading } = model;
  const state = vscode.TreeItemCollapsibleState;
  const isModel = reading.kind === 'model';
  const item = new vscode.TreeItem(labelText(name), isModel ? state.Collapsed : state.None);
  const description = isModel ? factsOf(model) : reading.why;
  item.id = `model:${folder}`;
  item.description = labelText(description, 400);
  item.iconPath = isModel
    ? new vscode.ThemeIcon('package')
    : new vscode.ThemeIcon('circle-slash', new vscode.ThemeColor('disabledForeground'));
  item.contextValue = isModel ? 'model.readable' : 'model.unreadable';
  item.resourceUri = vscode.Uri.from({
    scheme: SCHEME,
    path: `${isModel ? '/' : GREYED}${name}`,
  });
  const spoken = isModel ? description : vscode.l10n.t('cannot be pruned: {0}', description);
  item.accessibilityInformation = { label: `${name}, ${spoken}` };
  return item;
}

function factsOf({ reading, source }: FoundModel): string {
  if (reading.kind !== 'model') return '';
  const { family, params, bytes, dtype } = reading.report;
  return joined(
    family,
    countText(params),
    bytesText(bytes),
    dtype,
    source === 'cache' && vscode.l10n.t('downloaded'),
  );
}

function modelTooltip(model: FoundModel): string {
  const { name, folder, reading } = model;
  const lines = [`**${markdownText(name)}**`];
  if (reading.kind === 'model') {
    const { layers, hidden, heads, kvHeads, intermediate, maxPositions, blockParams } =
      reading.report;
    lines.push(
      markdownText(factsOf(model)),
      vscode.l10n.t(
        '{0} blocks of width {1}: {2} heads on {3} key/value heads, {4} neurons. At most {5} tokens.',
        ...[layers, hidden, heads, kvHeads, intermediate, maxPositions],
      ),
      vscode.l10n.t('{0} parameters can be pruned.', countText(blockParams)),
    );
  } else {
    lines.push(markdownText(reading.why));
  }
  return [...lines, markdownText(folder)].join('\n\n');
}

function partItem(part: InspectPart, target: Target): vscode.TreeItem {
  const { name, units, params, prunable, reason } = part;
  const item = new vscode.TreeItem(labelText(name));
  item.id = `part:${target.file}:${name}`;
  item.description = joined(
    prunable && vscode.l10n.t('{0} units', countText(units)),
    vscode.l10n.t('{0} parameters', countText(params)),
    !prunable && vscode.l10n.t('kept'),
  );
  item.iconPath = new vscode.ThemeIcon(prunable ? 'symbol-array' : 'lock');
  item.contextValue = 'modelPart';
  item.accessibilityInformation = { label: `${name}, ${item.description}, ${reason}` };
  return item;
}

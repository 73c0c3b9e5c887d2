import * as vscode from 'vscode';
import type { Target } from '../commands/target.ts';
import { labelText, markdown } from '../ui/messages.ts';

/** How a row looks. */
export interface RowLook {
  readonly label: string;
  readonly description: string;
  readonly icon: vscode.ThemeIcon;
  /** What the menus of package.json ask for. */
  readonly contextValue: string;
  /** What a screen reader says: state and key figures. */
  readonly spoken: string;
}

/** A row of a tree. The object lives as long as its id is shown; what it shows may change. */
export interface TreeNode {
  readonly id: string;
  readonly parent: TreeNode | undefined;
  /** What commands called on the row work on. */
  readonly target: Target;
  look(): RowLook;
  /** Absent: a leaf. */
  readonly children?: (() => readonly TreeNode[]) | undefined;
  readonly expanded?: boolean;
  /** Markdown, made when the pointer rests on the row. */
  tooltip?(): string;
  /** What a click does. */
  readonly command?: vscode.Command;
}

/** Serves rows to a native tree view. */
export class NodeTree implements vscode.TreeDataProvider<TreeNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<TreeNode[] | undefined>();
  private roots: readonly TreeNode[] = [];
  private looks = new Map<string, string>();
  /** Ids of rows whose children the editor has been given; of others it shows none. */
  private readonly opened = new Set<string>();

  readonly onDidChangeTreeData = this.changed.event;

  /**
   * Shows these rows. Rows that stayed where they are and look as before are left alone.
   * @param roots  the same objects as before for the same ids
   */
  show(roots: readonly TreeNode[]): void {
    const looks = new Map(roots.map((node) => [node.id, this.signature(node)]));
    const sameRows =
      roots.length === this.roots.length && roots.every((n, i) => n === this.roots[i]);
    const before = this.looks;
    this.roots = roots;
    this.looks = looks;
    if (!sameRows) {
      this.changed.fire(undefined);
      return;
    }
    const moved = roots.filter(({ id }) => looks.get(id) !== before.get(id));
    if (moved.length > 0) this.changed.fire([...moved]);
  }

  getChildren(node?: TreeNode): TreeNode[] {
    if (node !== undefined) this.opened.add(node.id);
    return [...(node === undefined ? this.roots : (node.children?.() ?? []))];
  }

  getParent(node: TreeNode): TreeNode | undefined {
    return node.parent;
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    const { label, description, icon, contextValue, spoken } = node.look();
    const state = vscode.TreeItemCollapsibleState;
    const open = node.expanded === true ? state.Expanded : state.Collapsed;
    const item = new vscode.TreeItem(
      labelText(label),
      node.children === undefined ? state.None : open,
    );
    item.id = node.id;
    item.description = labelText(description, 400);
    item.iconPath = icon;
    item.contextValue = contextValue;
    item.accessibilityInformation = { label: spoken };
    if (node.command !== undefined) item.command = node.command;
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, node: TreeNode): vscode.TreeItem {
    const text = node.tooltip?.();
    if (text !== undefined) item.tooltip = markdown(text);
    return item;
  }

  dispose(): void {
    this.changed.dispose();
  }

  /** What a row and all that is shown below it look like, to see whether anything changed. */
  private signature(node: TreeNode): string {
    const { label, description, contextValue, icon } = node.look();
    const children = this.opened.has(node.id) ? (node.children?.() ?? []) : [];
    const below = children.map((child) => this.signature(child)).join('\n');
    return [label, description, contextValue, icon.id, below].join('\t');
  }
}

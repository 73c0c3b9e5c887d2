import * as vscode from 'vscode';
import { modelName, type RunRow } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { setContext } from '../settings.ts';
import { joined } from '../ui/format.ts';
import { NodeTree, type TreeNode } from './nodeTree.ts';
import { rowId, RunNode } from './runNodes.ts';
import { stateText } from './runLook.ts';

/** What rows can be grouped by. */
export const groupings = ['none', 'state', 'model', 'folder'] as const;
/** One of them. */
export type Grouping = (typeof groupings)[number];

/** The view of runs: rows with a filter, groups and a badge with the number running. */
export class RunTree implements vscode.Disposable {
  readonly view: vscode.TreeView<TreeNode>;
  private readonly store: RunStore;
  private readonly tree = new NodeTree();
  private readonly subscriptions: vscode.Disposable[];
  private nodes = new Map<string, RunNode>();
  private groups = new Map<string, GroupNode>();
  private filter = '';
  private grouping: Grouping = 'none';

  constructor(store: RunStore) {
    this.store = store;
    this.view = vscode.window.createTreeView('subnetStudio.runs', {
      treeDataProvider: this.tree,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.subscriptions = [
      this.view,
      this.tree,
      store.onDidChange(() => this.update()),
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) void store.refresh();
      }),
    ];
  }

  /** What rows are grouped by. */
  get groupedBy(): Grouping {
    return this.grouping;
  }

  /** The filter's text; empty: all rows. */
  get filteredBy(): string {
    return this.filter;
  }

  /** Shows only rows whose name, model, state or folder has all of these words. */
  setFilter(text: string): void {
    this.filter = text.trim();
    setContext('filtered', this.filter !== '');
    this.update();
  }

  setGrouping(grouping: Grouping): void {
    this.grouping = grouping;
    this.update();
  }

  /** Shows the row of a run, opening what it is in. */
  async reveal(folder: string): Promise<void> {
    const node = this.nodes.get(`run:${folder}`);
    if (node !== undefined) await this.view.reveal(node, { select: true });
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private update(): void {
    const { rows } = this.store;
    const nodes = new Map(
      rows.map((row) => {
        const node = this.nodes.get(rowId(row)) ?? new RunNode(row);
        node.row = row;
        return [node.id, node];
      }),
    );
    this.nodes = nodes;
    const shown = [...nodes.values()].filter(({ row }) => matches(row, this.filter));
    this.tree.show(this.grouped(shown));
    this.view.message =
      this.filter === '' || shown.length === 0
        ? ''
        : vscode.l10n.t('{0} of {1} with "{2}"', shown.length, nodes.size, this.filter);
    const running = rows.filter((row) => row.kind === 'run' && row.state === 'running').length;
    this.view.badge =
      running === 0
        ? undefined
        : { value: running, tooltip: vscode.l10n.t('Runs that are running: {0}', running) };
  }

  private grouped(nodes: readonly RunNode[]): readonly TreeNode[] {
    const { grouping } = this;
    if (grouping === 'none') {
      for (const node of nodes) node.parent = undefined;
      return nodes;
    }
    const groups = new Map<string, GroupNode>();
    for (const node of nodes) {
      const name = groupOf(node.row, grouping);
      const id = `group:${grouping}:${name}`;
      const group = groups.get(id) ?? this.groups.get(id) ?? new GroupNode(id, name);
      if (!groups.has(id)) group.members = [];
      groups.set(id, group);
      group.members.push(node);
      node.parent = group;
    }
    this.groups = groups;
    return [...groups.values()];
  }
}

class GroupNode implements TreeNode {
  readonly id: string;
  readonly parent = undefined;
  readonly target = {};
  readonly expanded = true;
  members: RunNode[] = [];
  private readonly name: string;

  constructor(id: string, name: string) {
    this.id = id;
    this.name = name;
  }

  look(): ReturnType<TreeNode['look']> {
    const count = String(this.members.length);
    return {
      ...{ label: this.name, description: count, contextValue: 'group' },
      icon: new vscode.ThemeIcon('folder'),
      spoken: joined(this.name, count),
    };
  }

  children(): readonly TreeNode[] {
    return this.members;
  }
}

function groupOf(row: RunRow, grouping: Grouping): string {
  if (grouping === 'folder') return row.home;
  if (row.kind === 'broken') return vscode.l10n.t('unreadable');
  if (row.kind === 'queued') return vscode.l10n.t('queued');
  return grouping === 'model' ? modelName(row) : stateText(row.state);
}

function matches(row: RunRow, filter: string): boolean {
  const text = searchText(row).toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function searchText(row: RunRow): string {
  if (row.kind === 'broken') return `${row.id} ${row.message} ${row.home}`;
  if (row.kind === 'queued') return `${row.job.title} queued ${row.configPath} ${row.home}`;
  const { manifest, state, home } = row;
  return [manifest.name, manifest.id, modelName(row), state, stateText(state), home].join(' ');
}

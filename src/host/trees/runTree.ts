import * as vscode from 'vscode';
import type { ComparisonEntry } from '../comparisons/comparisonEntry.ts';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import { modelName, type RunRow } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { setContext } from '../settings.ts';
import { joined } from '../ui/format.ts';
import { comparisonId, ComparisonNode } from './comparisonLook.ts';
import { NodeTree, type TreeNode } from './nodeTree.ts';
import { rowId, RunNode } from './runNodes.ts';
import { stateText } from './runLook.ts';

/** What rows can be grouped by. */
export const groupings = ['none', 'state', 'model', 'folder'] as const;
/** One of them. */
export type Grouping = (typeof groupings)[number];

type Row = RunNode | ComparisonNode;

/**
 * The view of runs and of comparisons of methods: rows with a filter, groups and a badge with the
 * number running.
 */
export class RunTree implements vscode.Disposable {
  readonly view: vscode.TreeView<TreeNode>;
  private readonly store: RunStore;
  private readonly comparisons: ComparisonStore;
  private readonly tree = new NodeTree();
  private readonly subscriptions: vscode.Disposable[];
  private nodes = new Map<string, Row>();
  private groups = new Map<string, GroupNode>();
  private filter = '';
  private grouping: Grouping = 'none';

  constructor(store: RunStore, comparisons: ComparisonStore) {
    this.store = store;
    this.comparisons = comparisons;
    this.view = vscode.window.createTreeView('subnetStudio.runs', {
      treeDataProvider: this.tree,
      canSelectMany: true,
      showCollapseAll: true,
    });
    this.subscriptions = [
      this.view,
      this.tree,
      store.onDidChange(() => this.update()),
      comparisons.onDidChange(() => this.update()),
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
    const { entries } = this.comparisons;
    const runs = rows.map((row) => this.runNode(row));
    const compared = entries.map((entry) => this.comparisonNode(entry));
    const nodes = new Map<string, Row>(inTime(runs, compared).map((node) => [node.id, node]));
    this.nodes = nodes;
    const shown = [...nodes.values()].filter((node) => matches(node, this.filter));
    this.tree.show(this.grouped(shown));
    this.view.message =
      this.filter === '' || shown.length === 0
        ? ''
        : vscode.l10n.t('{0} of {1} with "{2}"', shown.length, nodes.size, this.filter);
    const running =
      rows.filter((row) => row.kind === 'run' && row.state === 'running').length +
      entries.filter(({ state }) => state === 'running').length;
    this.view.badge =
      running === 0
        ? undefined
        : { value: running, tooltip: vscode.l10n.t('Runs that are running: {0}', running) };
  }

  private runNode(row: RunRow): RunNode {
    const known = this.nodes.get(rowId(row));
    const node = known instanceof RunNode ? known : new RunNode(row);
    node.row = row;
    return node;
  }

  private comparisonNode(entry: ComparisonEntry): ComparisonNode {
    const known = this.nodes.get(comparisonId(entry));
    const node = known instanceof ComparisonNode ? known : new ComparisonNode(entry);
    node.entry = entry;
    return node;
  }

  private grouped(nodes: readonly Row[]): readonly TreeNode[] {
    const { grouping } = this;
    if (grouping === 'none') {
      for (const node of nodes) node.parent = undefined;
      return nodes;
    }
    const groups = new Map<string, GroupNode>();
    for (const node of nodes) {
      const name = groupOf(node, grouping);
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
  members: Row[] = [];
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

/** Comparisons among the runs: those at work first, the others where their beginning puts them. */
function inTime(runs: readonly RunNode[], compared: readonly ComparisonNode[]): readonly Row[] {
  const rows: Row[] = [...runs];
  for (const node of compared) {
    const { state, startedMs } = node.entry;
    const isOlder = (one: Row): boolean =>
      one instanceof RunNode &&
      (one.row.kind === 'broken' ||
        (one.row.kind === 'run' && one.row.manifest.createdMs < startedMs));
    const at = state === 'running' || state === 'queued' ? 0 : rows.findIndex(isOlder);
    rows.splice(at < 0 ? rows.length : at, 0, node);
  }
  return rows;
}

function groupOf(node: Row, grouping: Grouping): string {
  if (node instanceof ComparisonNode) {
    const { home, table, state } = node.entry;
    if (grouping === 'folder') return home;
    return grouping === 'model' && table !== null ? table.model : stateText(state);
  }
  const { row } = node;
  if (grouping === 'folder') return row.home;
  if (row.kind === 'broken') return vscode.l10n.t('unreadable');
  if (row.kind === 'queued') return vscode.l10n.t('queued');
  return grouping === 'model' ? modelName(row) : stateText(row.state);
}

function matches(node: Row, filter: string): boolean {
  const text = searchText(node).toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function searchText(node: Row): string {
  if (node instanceof ComparisonNode) {
    const { name, configPath, table, state, home } = node.entry;
    return [name, configPath, table?.model, 'comparison', stateText(state), home].join(' ');
  }
  const { row } = node;
  if (row.kind === 'broken') return `${row.id} ${row.message} ${row.home}`;
  if (row.kind === 'queued') return `${row.job.title} queued ${row.configPath} ${row.home}`;
  const { manifest, state, home } = row;
  return [manifest.name, manifest.id, modelName(row), state, stateText(state), home].join(' ');
}

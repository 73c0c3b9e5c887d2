import * as vscode from 'vscode';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import { judgedOn } from '../runs/judgedOn.ts';
import { kindOf, type RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';
import { subnetConfigOf, type SubnetFile } from '../runs/subnetFiles.ts';
import { formatFitness, formatMs, joined } from '../ui/format.ts';
import { NodeTree, type TreeNode } from './nodeTree.ts';
import { perplexityText } from './runLook.ts';
import { partNode, type Part } from './runNodes.ts';
import { markdownText } from '../ui/messages.ts';

/** The view of exported subnets over all runs: grouped by what they were judged on, best first. */
export class SubnetTree implements vscode.Disposable {
  readonly view: vscode.TreeView<TreeNode>;
  private readonly tree = new NodeTree();
  private readonly subscriptions: vscode.Disposable[];
  private nodes = new Map<string, { readonly text: string; readonly node: TreeNode }>();

  constructor(store: RunStore) {
    this.view = vscode.window.createTreeView('subnetStudio.subnets', {
      treeDataProvider: this.tree,
      showCollapseAll: true,
    });
    this.subscriptions = [this.view, this.tree, store.onDidChange(() => this.update(store))];
  }

  dispose(): void {
    for (const one of this.subscriptions) one.dispose();
  }

  private update(store: RunStore): void {
    const found = bestFirst(store.runs);
    const groups = groupsOf(found);
    const before = this.nodes;
    this.nodes = new Map();
    const keep = (part: Part, members: readonly Found[] = []): TreeNode => {
      const text = JSON.stringify([part, members.map(subnetPart)]);
      const known = before.get(part.id);
      const node = known?.text === text ? known.node : partNode(undefined, part);
      this.nodes.set(part.id, { text, node });
      return node;
    };
    if (groups.length === 1) {
      this.tree.show(found.map((one) => keep(subnetPart(one))));
      return;
    }
    this.tree.show(
      groups.map(({ key, label, members }) =>
        keep(
          {
            ...{ id: `judged:${key}`, label, icon: 'folder', contextValue: 'group' },
            description: String(members.length),
            ...{ target: {}, expanded: true },
            parts: (self) => members.map((one) => partNode(self, subnetPart(one))),
          },
          members,
        ),
      ),
    );
  }
}

interface Found {
  readonly run: RunEntry;
  readonly file: SubnetFile;
}

/** Perplexities compare only on the same model, text and context, so only those are ranked. */
function groupsOf(
  found: readonly Found[],
): { readonly key: string; readonly label: string; readonly members: readonly Found[] }[] {
  const groups = new Map<string, { readonly label: string; readonly members: Found[] }>();
  for (const one of found) {
    const { key, label } = judgedOn(one.run);
    const group = groups.get(key) ?? { label, members: [] };
    groups.set(key, group);
    group.members.push(one);
  }
  return [...groups]
    .map(([key, group]) => ({ key, ...group }))
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Exported subnets, least perplexity first; those that were not evaluated come last. */
function bestFirst(runs: readonly RunEntry[]): Found[] {
  const perplexity = ({ file }: Found): number => file.figure?.perplexity ?? Infinity;
  return runs
    .flatMap((run) => subnetConfigOf(run).map((file) => ({ run, file })))
    .sort((a, b) => perplexity(a) - perplexity(b) || (a.file.path < b.file.path ? -1 : 1));
}

function subnetPart({ run, file }: Found): Part {
  const { figure, key, path, label } = file;
  const target = {
    run: run.folder,
    file: path,
    ...(key === null ? {} : { subnet: key }),
  };
  return {
    id: `subnet:${path}`,
    label: key === null ? run.manifest.name : `${run.manifest.name} · ${label}`,
    description: joined(
      figure !== null && perplexityText(figure.perplexity),
      kindOf(run),
      figure !== null && bytesText(figure.bytes),
    ),
    icon: 'json',
    contextValue: 'subnet.exported',
    target,
    tooltip: tooltipOf(run, file),
    command: {
      command: 'subnetStudio.openDashboard',
      title: vscode.l10n.t('Open'),
      arguments: [target],
    },
  };
}

function tooltipOf(run: RunEntry, { figure, path }: SubnetFile): string {
  const { dense } = run.digest.figures;
  const lines = [`**${markdownText(run.manifest.name)}**`];
  if (figure !== null) {
    const { perplexity, params, bytes, prefillMs, decodeMs } = figure;
    const was =
      dense === undefined ? '' : vscode.l10n.t('dense {0}', formatFitness(dense.perplexity));
    lines.push(
      vscode.l10n.t('Perplexity {0}', joined(formatFitness(perplexity), was)),
      vscode.l10n.t('{0} parameters, {1}', countText(params), bytesText(bytes)),
      vscode.l10n.t('Prefill {0}, a token {1}', formatMs(prefillMs), formatMs(decodeMs)),
    );
  }
  return [...lines, markdownText(path)].join('\n\n');
}

import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ExportReport } from '../../protocol/runRecord.ts';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import type { Target } from '../commands/target.ts';
import type { GenerationRow, TopSubnet } from '../runs/runDigest.ts';
import type { BrokenRun, QueuedRun, RunEntry, RunRow } from '../runs/runEntry.ts';
import { formatFitness, joined } from '../ui/format.ts';
import type { RowLook, TreeNode } from './nodeTree.ts';
import { generationText, runLook, runTooltip } from './runLook.ts';
import { markdownText } from '../ui/messages.ts';

/** The row of a run, a queued run or a broken one; the same object while the run is shown. */
export class RunNode implements TreeNode {
  readonly id: string;
  row: RunRow;
  parent: TreeNode | undefined;

  constructor(row: RunRow) {
    this.row = row;
    this.id = rowId(row);
  }

  get target(): Target {
    const { row } = this;
    if (row.kind !== 'queued') return { run: row.folder };
    return { job: row.job.id, config: vscode.Uri.file(row.configPath) };
  }

  look(): RowLook {
    const { row } = this;
    if (row.kind === 'run') return runLook(row);
    return row.kind === 'queued' ? queuedLook(row) : brokenLook(row);
  }

  tooltip(): string {
    const { row } = this;
    if (row.kind === 'run') return runTooltip(row);
    return markdownText(row.kind === 'queued' ? row.configPath : row.message);
  }

  /** A click opens the dashboard; of a run without one it opens the config or says why. */
  get command(): vscode.Command {
    const { row } = this;
    return row.kind === 'queued'
      ? openCommand('subnetStudio.openConfig', this.target)
      : openCommand('subnetStudio.openDashboard', this.target);
  }

  get children(): (() => readonly TreeNode[]) | undefined {
    const { row } = this;
    return row.kind === 'run' ? () => partsOf(this, row) : undefined;
  }
}

/** What tells rows apart. */
export function rowId(row: RunRow): string {
  return row.kind === 'queued' ? `job:${row.job.id}` : `run:${row.folder}`;
}

/** A row made of plain facts, as those below a run are. */
export interface Part extends Pick<RowLook, 'label' | 'description' | 'contextValue'> {
  readonly id: string;
  readonly icon: string;
  readonly target: Target;
  readonly command?: vscode.Command;
  readonly parts?: (self: TreeNode) => readonly TreeNode[];
  readonly expanded?: boolean;
  readonly tooltip?: string;
}

/** A row of plain facts. */
export function partNode(parent: TreeNode | undefined, part: Part): TreeNode {
  const { id, icon, target, command, parts, expanded, tooltip, ...texts } = part;
  const node: TreeNode = {
    id,
    parent,
    target,
    look: () => ({
      ...texts,
      icon: new vscode.ThemeIcon(icon),
      spoken: joined(texts.label, texts.description),
    }),
    ...(expanded === undefined ? {} : { expanded }),
    ...(command === undefined ? {} : { command }),
    ...(tooltip === undefined ? {} : { tooltip: () => tooltip }),
    ...(parts === undefined ? {} : { children: () => parts(node) }),
  };
  return node;
}

/** The row of something that was exported. */
export function exportNode(parent: TreeNode, run: RunEntry, report: ExportReport): TreeNode {
  const isConfig = report.form === 'subnet';
  const target = { run: run.folder, file: report.path };
  const command = isConfig ? 'subnetStudio.openSubnetBeside' : 'revealInExplorer';
  const argument = isConfig ? target : vscode.Uri.file(report.path);
  return partNode(parent, {
    id: `${parent.id}/${report.form}`,
    label: basename(report.path),
    description: joined(
      formText(report.form),
      bytesText(report.bytes),
      report.verified !== null && vscode.l10n.t('verified when written'),
    ),
    icon: isConfig ? 'json' : report.form === 'onnx' ? 'symbol-namespace' : 'package',
    contextValue: isConfig ? 'export.exported' : 'export.file',
    target,
    command: { command, title: vscode.l10n.t('Open'), arguments: [argument] },
  });
}

function partsOf(run: RunNode, row: RunEntry): TreeNode[] {
  const { manifest, digest, folder } = row;
  const target = { run: folder };
  const config = partNode(run, {
    id: `${run.id}/config`,
    label: vscode.l10n.t('Config'),
    description: basename(manifest.configPath),
    icon: 'settings-gear',
    contextValue: 'config',
    target,
    command: openCommand('subnetStudio.openConfig', target),
  });
  const lists: Part[] = [
    {
      id: `${run.id}/generations`,
      ...{ label: vscode.l10n.t('Generations'), icon: 'graph-line', contextValue: 'generations' },
      description: digest.generations.length === 0 ? '0' : generationText(row),
      target,
      parts: (self) => digest.generations.toReversed().map((g) => generationNode(self, target, g)),
    },
    {
      id: `${run.id}/subnets`,
      ...{ label: vscode.l10n.t('Best Subnets'), icon: 'star-empty', contextValue: 'subnets' },
      description: String(digest.top.length),
      target,
      parts: (self) => digest.top.map((subnet) => subnetNode(self, row, subnet)),
    },
    {
      id: `${run.id}/exports`,
      ...{ label: vscode.l10n.t('Exports'), icon: 'package', contextValue: 'exports' },
      description: String(digest.exports.length),
      target,
      parts: (self) => digest.exports.map((report) => exportNode(self, row, report)),
    },
  ];
  const filled = lists.filter(({ description }) => description !== '0');
  return [config, ...filled.map((part) => partNode(run, part))];
}

function generationNode(parent: TreeNode, target: Target, row: GenerationRow): TreeNode {
  return partNode(parent, {
    id: `${parent.id}/${row.generation}`,
    label:
      row.generation === 0
        ? vscode.l10n.t('First population')
        : vscode.l10n.t('Generation {0}', row.generation),
    description: vscode.l10n.t(
      'search perplexity: best {0}, median {1}',
      formatFitness(row.best),
      formatFitness(row.median),
    ),
    icon: 'circle-outline',
    contextValue: 'generation',
    target,
    command: openCommand('subnetStudio.openDashboard', target),
  });
}

function subnetNode(parent: TreeNode, run: RunEntry, subnet: TopSubnet): TreeNode {
  const target = { run: run.folder, subnet: subnet.key };
  const report = run.digest.subnets[subnet.key];
  const exported = report?.exports.some(({ form }) => form === 'subnet') === true;
  return partNode(parent, {
    id: `${parent.id}/${subnet.key}`,
    label: vscode.l10n.t('Search perplexity {0}', formatFitness(subnet.fitness)),
    description: joined(subnetFacts(subnet), exported && vscode.l10n.t('exported')),
    icon: 'symbol-array',
    contextValue: exported ? 'subnet.exported' : 'subnet.judged',
    target,
    command: openCommand('subnetStudio.openDashboard', target),
  });
}

/** `subnet a1b2c3 · generation 3 · 1.2 M block parameters` */
export function subnetFacts({ key, generation, params }: TopSubnet): string {
  return joined(
    vscode.l10n.t('subnet {0}', key.slice(0, 6)),
    generation === 0
      ? vscode.l10n.t('first population')
      : vscode.l10n.t('generation {0}', generation),
    vscode.l10n.t('{0} block parameters', countText(params)),
  );
}

/** What was exported, for people. */
export function formText(form: ExportReport['form']): string {
  switch (form) {
    case 'subnet':
      return vscode.l10n.t('subnet config');
    case 'checkpoint':
      return vscode.l10n.t('Hugging Face checkpoint');
    case 'onnx':
      return vscode.l10n.t('ONNX decoder');
    case 'compressed':
      return vscode.l10n.t('checkpoint without zeros');
  }
}

function openCommand(command: string, target: Target): vscode.Command {
  return { command, title: vscode.l10n.t('Open'), arguments: [target] };
}

function queuedLook({ job, place, configPath }: QueuedRun): RowLook {
  const description = vscode.l10n.t('place {0} in the queue · {1}', place, basename(configPath));
  return {
    label: job.title,
    description,
    icon: new vscode.ThemeIcon('clock', new vscode.ThemeColor('testing.iconQueued')),
    contextValue: place > 1 ? 'queued.later' : 'queued.next',
    spoken: joined(job.title, vscode.l10n.t('queued'), description),
  };
}

function brokenLook({ id, message }: BrokenRun): RowLook {
  return {
    label: id,
    description: message,
    icon: new vscode.ThemeIcon('error', new vscode.ThemeColor('list.errorForeground')),
    contextValue: 'broken',
    spoken: joined(id, vscode.l10n.t('cannot be read'), message),
  };
}

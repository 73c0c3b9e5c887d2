import * as vscode from 'vscode';
import type { ExportForm, SubnetRequest } from '../../protocol/engineApi.ts';
import type { JobWork } from '../../protocol/serviceApi.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import { requireTrust, requireWritable } from '../trust.ts';
import type { App } from './app.ts';
import { pickMany } from './ask.ts';
import { askExportFolder } from './exportFolder.ts';
import { needRun, needSubnet } from './pickRun.ts';
import type { Target } from './target.ts';

/** Reforms the weights of a subnet and evaluates it. */
export async function reform(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const { run, key } = await needSubnet(app, targets, vscode.l10n.t('Reform which subnet?'));
  const title = vscode.l10n.t('Reform {0} of {1}', nameOf(key), run.manifest.name);
  return submit(app, run, { key, reform: true, evaluate: true, forms: [] }, title);
}

/** Evaluates a subnet: held-out perplexity, size and speed. */
export async function evaluate(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const { run, key } = await needSubnet(app, targets, vscode.l10n.t('Evaluate which subnet?'));
  const title = vscode.l10n.t('Evaluate {0} of {1}', nameOf(key), run.manifest.name);
  return submit(app, run, { key, reform: false, evaluate: true, forms: [] }, title);
}

/** Writes a subnet as a model where the user wants it: the best of a finished run, or any that is named. */
export async function exportSubnet(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const key = targets[0]?.subnet;
  const title = vscode.l10n.t('Export from which run?');
  if (key === undefined) {
    const run = await needRun(app, targets, {
      title,
      accept: ({ state, digest }) => state === 'finished' || digest.top.length > 0,
      expected: vscode.l10n.t('run whose search has found subnets'),
      action: vscode.l10n.t('Start a run, and wait for its first generation.'),
    });
    if (run.state === 'finished') return exportBest(app, run);
  }
  const { run, key: chosen } = await needSubnet(app, targets, title);
  const forms = await askForms();
  const { name } = run.manifest;
  const out = await askExportFolder(run, `${name}-${chosen.slice(0, 6)}`);
  const request = { key: chosen, reform: true, evaluate: false, forms, ...outOf(out) };
  return submit(app, run, request, vscode.l10n.t('Export {0} of {1}', nameOf(chosen), name));
}

/** Exports what a finished run ends with. */
async function exportBest(app: App, run: RunEntry): Promise<string> {
  const { name } = run.manifest;
  const forms = await askForms();
  const out = await askExportFolder(run, name);
  if (out === undefined) await requireWritable(run.folder);
  const work: JobWork = { kind: 'export', request: { path: run.folder, forms, ...outOf(out) } };
  await app.service.submit(work, vscode.l10n.t('Export {0}', name));
  return vscode.l10n.t('Exporting.');
}

async function submit(
  app: App,
  run: RunEntry,
  request: Omit<SubnetRequest, 'runFolder'>,
  title: string,
): Promise<string> {
  await requireWritable(run.folder);
  const work: JobWork = { kind: 'subnet', request: { runFolder: run.folder, ...request } };
  await app.service.submit(work, title);
  return vscode.l10n.t('{0}: started.', title);
}

async function askForms(): Promise<readonly ExportForm[]> {
  return pickMany<ExportForm>(
    [
      {
        label: vscode.l10n.t('Hugging Face checkpoint'),
        description: vscode.l10n.t('smaller weights, with code that loads uneven widths'),
        value: 'checkpoint',
        picked: true,
      },
      {
        label: vscode.l10n.t('ONNX decoder'),
        description: vscode.l10n.t('with a key/value cache, for ONNX Runtime'),
        value: 'onnx',
        picked: true,
      },
    ],
    {
      title: vscode.l10n.t('Export as'),
      placeHolder: vscode.l10n.t('Every file is loaded again and its output is compared'),
    },
  );
}

function outOf(out: string | undefined): { readonly out?: string } {
  return out === undefined ? {} : { out };
}

/** What a subnet is called everywhere: by the first digits of its key. */
function nameOf(key: string): string {
  return vscode.l10n.t('subnet {0}', key.slice(0, 6));
}

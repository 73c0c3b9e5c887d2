import * as vscode from 'vscode';
import type { ExportForm, SubnetRequest } from '../../protocol/engineApi.ts';
import type { JobWork } from '../../protocol/serviceApi.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import { requireTrust, requireWritable } from '../trust.ts';
import { formatFitness } from '../ui/format.ts';
import type { App } from './app.ts';
import { pickMany } from './ask.ts';
import { needRun, needSubnet } from './pickRun.ts';
import type { Target } from './target.ts';

/** Refits the kept weights of a subnet and measures it. */
export async function reform(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const { run, key } = await needSubnet(app, targets, vscode.l10n.t('Reform which subnet?'));
  const title = vscode.l10n.t('Reform {0} of {1}', nameOf(run, key), run.manifest.name);
  return submit(app, run, { key, reform: true, evaluate: true, forms: [] }, title);
}

/** Measures a subnet: held-out perplexity, size and speed. */
export async function evaluate(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const { run, key } = await needSubnet(app, targets, vscode.l10n.t('Measure which subnet?'));
  const title = vscode.l10n.t('Measure {0} of {1}', nameOf(run, key), run.manifest.name);
  return submit(app, run, { key, reform: false, evaluate: true, forms: [] }, title);
}

/** Writes a subnet as a model: the best of a finished run, or any that is named. */
export async function exportSubnet(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const key = targets[0]?.subnet;
  const title = vscode.l10n.t('Export from which run?');
  if (key === undefined) {
    const run = await needRun(app, targets, {
      title,
      accept: ({ state, digest }) => state === 'finished' || digest.top.length > 0,
      expected: vscode.l10n.t('a run whose search has judged subnets'),
      action: vscode.l10n.t('Start a run, and wait for its first generation.'),
    });
    if (run.state === 'finished') {
      const forms = await askForms();
      await requireWritable(run.folder);
      const work: JobWork = { kind: 'export', request: { path: run.folder, forms } };
      await app.service.submit(work, vscode.l10n.t('Export {0}', run.manifest.name));
      return vscode.l10n.t('Exporting.');
    }
  }
  const { run, key: chosen } = await needSubnet(app, targets, title);
  const forms = await askForms();
  const request = { key: chosen, reform: true, evaluate: false, forms };
  const name = nameOf(run, chosen);
  return submit(app, run, request, vscode.l10n.t('Export {0} of {1}', name, run.manifest.name));
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
  return vscode.l10n.t('{0}: begun.', title);
}

async function askForms(): Promise<readonly ExportForm[]> {
  return pickMany<ExportForm>(
    [
      {
        label: vscode.l10n.t('Hugging Face checkpoint'),
        description: vscode.l10n.t('small weights, with the code that loads uneven widths'),
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
      title: vscode.l10n.t('Write it as'),
      placeHolder: vscode.l10n.t('Every file is loaded again and compared before it counts'),
    },
  );
}

function nameOf(run: RunEntry, key: string): string {
  const known = run.digest.top.find((one) => one.key === key);
  return known === undefined ? key.slice(0, 6) : formatFitness(known.fitness);
}

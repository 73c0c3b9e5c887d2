import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { comparisonCsv, comparisonMarkdown } from '../../dashboard/model/comparisonText.ts';
import { isEngineError } from '../../protocol/errors.ts';
import { commandRemedy, HostError } from '../hostError.ts';
import type { ComparisonAction } from '../../protocol/comparisonPanelApi.ts';
import type { ComparisonTable } from '../../protocol/comparisonTable.ts';
import { serviceApi } from '../../protocol/serviceApi.ts';
import { comparedConfig, type ComparisonEntry } from '../comparisons/comparisonEntry.ts';
import type { ComparisonPlace } from '../panel/comparisonHost.ts';
import { isActive } from '../service/serviceHandle.ts';
import { comparisonFacts } from '../trees/comparisonLook.ts';
import { requireTrust } from '../trust.ts';
import type { App } from './app.ts';
import { confirm, pickOne } from './ask.ts';
import { moveToTrash } from './deleteRun.ts';
import { needConfig } from './pickRun.ts';
import { overridesFor, readyConfig } from './runCommands.ts';
import type { Target } from './target.ts';

/** Compares the methods that a config names, or goes on with that, and shows the table. */
export async function compareMethods(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const uri = await needConfig(app, targets, vscode.l10n.t('Compare methods with which config?'));
  const { configPath, title } = await readyConfig(uri);
  await app.store.addHome(dirname(configPath));
  await app.service.attachIfLive();
  const place = { configPath, folder: null };
  if (app.service.jobs.some((job) => isActive(job) && comparedConfig(job) === configPath)) {
    app.comparisonPanels.show(place);
    return vscode.l10n.t('Already there.');
  }
  const request = { configPath, ...overridesFor(configPath) };
  await app.service.submit({ kind: 'compare', request }, vscode.l10n.t('Compare {0}', title));
  app.comparisonPanels.show(place);
  return vscode.l10n.t('Comparing. Finished rows are kept.');
}

/** Opens the page of a comparison. */
export async function openComparison(app: App, targets: readonly Target[]): Promise<undefined> {
  const title = vscode.l10n.t('Open which comparison?');
  const entry = await needComparison(app, targets, title);
  const { configPath, folder } = entry;
  if (configPath === null) throw unreadable(entry);
  app.comparisonPanels.show({ configPath, folder });
}

/** Moves the rows of a comparison to the trash, after asking. One that is at work is refused. */
export async function deleteComparison(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const title = vscode.l10n.t('Delete which comparison?');
  const entry = await needComparison(app, targets, title);
  const { folder, name, job, table } = entry;
  if (folder === null || job !== null || table?.state === 'running') throw atWork(entry);
  await confirm(
    vscode.l10n.t('Delete the comparison "{0}"?', name),
    vscode.l10n.t('Its rows go to the trash; comparing again makes them anew.'),
    vscode.l10n.t('Delete Comparison'),
  );
  await moveToTrash(folder);
  app.comparisons.look();
  return vscode.l10n.t('Deleted.');
}

/**
 * Does what a button of the page of a comparison asks for.
 * @returns a word for the screen reader
 * @throws EngineError what went wrong; the user has been told
 */
export async function comparisonAct(
  app: App,
  place: ComparisonPlace,
  action: ComparisonAction,
): Promise<string> {
  try {
    return await acted(app, place, action);
  } catch (error) {
    if (isEngineError(error, 'cancelled')) return vscode.l10n.t('Nothing was changed.');
    void app.reporter.report(error);
    throw error;
  }
}

async function acted(
  app: App,
  { configPath, folder }: ComparisonPlace,
  action: ComparisonAction,
): Promise<string> {
  const config = vscode.Uri.file(configPath);
  switch (action) {
    case 'run':
      return compareMethods(app, [{ config }]);
    case 'stop': {
      requireTrust();
      const job = app.comparisons.jobOf(configPath);
      if (job !== undefined) await app.service.request(serviceApi.cancel, { id: job.id });
      return vscode.l10n.t('Stopping. Finished rows are kept.');
    }
    case 'openConfig':
      await vscode.window.showTextDocument(config);
      return vscode.l10n.t('Opened.');
    case 'copyMarkdown':
      await vscode.env.clipboard.writeText(comparisonMarkdown(tableOf(app, configPath, folder)));
      return vscode.l10n.t('Copied.');
    case 'saveCsv':
      return saveCsv(tableOf(app, configPath, folder));
  }
}

async function saveCsv(table: ComparisonTable): Promise<string> {
  requireTrust();
  const uri = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.file(
      table.configPath.replace(/(\.subnet)?\.jsonc$/, '') + '-methods.csv',
    ),
    filters: { CSV: ['csv'] },
  });
  if (uri === undefined) return vscode.l10n.t('Nothing was changed.');
  await vscode.workspace.fs.writeFile(uri, Buffer.from(comparisonCsv(table), 'utf8'));
  return vscode.l10n.t('Saved.');
}

function tableOf(app: App, configPath: string, folder: string | null): ComparisonTable {
  const table = app.comparisons.find(folder ?? configPath)?.table ?? null;
  if (table !== null) return table;
  const target = { config: vscode.Uri.file(configPath) };
  throw new HostError(
    'run',
    {
      what: configPath,
      expected: vscode.l10n.t('a comparison with rows'),
      found: vscode.l10n.t('none yet'),
      sentence: vscode.l10n.t('This comparison has no rows yet.'),
      action: vscode.l10n.t('Start it with Compare Methods first.'),
    },
    [commandRemedy(vscode.l10n.t('Compare Methods'), 'compareMethods', target)],
  );
}

async function needComparison(
  app: App,
  targets: readonly Target[],
  title: string,
): Promise<ComparisonEntry> {
  await app.store.start();
  const { entries } = app.comparisons;
  const [target] = targets;
  const named = target?.comparison ?? target?.config?.fsPath;
  const found =
    entries.find(({ id }) => id === named) ??
    (named === undefined ? undefined : app.comparisons.find(named));
  if (found !== undefined) return found;
  const [first] = entries;
  if (first === undefined || named !== undefined) {
    throw new HostError(
      'run',
      {
        what: named ?? vscode.l10n.t('The workspace'),
        expected: vscode.l10n.t('a comparison of methods'),
        found: vscode.l10n.t('none'),
        sentence: vscode.l10n.t('There is no comparison of methods here yet.'),
        action: vscode.l10n.t('Make one with Compare Methods.'),
      },
      [commandRemedy(vscode.l10n.t('Compare Methods'), 'compareMethods')],
    );
  }
  if (entries.length === 1) return first;
  const choices = entries.map((one) => ({
    label: one.name,
    description: comparisonFacts(one),
    value: one,
  }));
  return pickOne(choices, { title });
}

function unreadable({ id, name, problem }: ComparisonEntry): HostError {
  const found = problem.replace(/\.$/, '');
  return new HostError(
    'run',
    {
      what: vscode.l10n.t('Comparison {0}', name),
      expected: vscode.l10n.t('one that can be read'),
      found,
      sentence: vscode.l10n.t('The comparison {0} cannot be read: {1}.', name, found),
      action: vscode.l10n.t('Delete it, and compare again.'),
    },
    [commandRemedy(vscode.l10n.t('Delete Comparison'), 'deleteComparison', { comparison: id })],
  );
}

function atWork({ id, name }: ComparisonEntry): HostError {
  return new HostError(
    'run',
    {
      what: name,
      expected: vscode.l10n.t('a comparison that is neither running nor queued'),
      found: vscode.l10n.t('one that is running or queued'),
      sentence: vscode.l10n.t('"{0}" is running or queued, so it cannot be deleted.', name),
      action: vscode.l10n.t('Pause it or take it out of the queue, then delete it.'),
    },
    [commandRemedy(vscode.l10n.t('Pause'), 'pause', { comparison: id })],
  );
}

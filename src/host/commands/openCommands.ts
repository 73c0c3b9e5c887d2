import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { EngineError } from '../../protocol/errors.ts';
import { columnBeside } from '../panel/panelColumn.ts';
import { MOST_COMPARED } from '../panel/runPanels.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import { bestSubnetKey, subnetConfigOf } from '../runs/subnetFiles.ts';
import { requireDisk } from '../trust.ts';
import { runningWork } from '../ui/statusBar.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { openComparison } from './comparisonCommands.ts';
import { needConfig, needRun, needRuns } from './pickRun.ts';
import type { Target } from './target.ts';

/** Opens the dashboard of a run, with a subnet selected when one is named. */
export async function openDashboard(app: App, targets: readonly Target[]): Promise<undefined> {
  const entry = await anyRun(app, targets, vscode.l10n.t('Open the dashboard of which run?'));
  const select = targets[0]?.subnet;
  app.panels.show([entry], select === undefined ? {} : { select });
}

/** Opens the dashboard of the run that is running, or the page of the comparison that is. */
export async function openRunning(app: App): Promise<undefined> {
  await app.store.start();
  const [first] = runningWork(app.store, app.comparisons);
  if (first === undefined) return openDashboard(app, []);
  if ('manifest' in first) app.panels.show([first]);
  else await openComparison(app, [{ comparison: first.id }]);
}

/** Opens the dashboard of the newest run of a config. */
export async function openLastResult(app: App, targets: readonly Target[]): Promise<undefined> {
  const uri = await needConfig(app, targets, vscode.l10n.t('The last result of which config?'));
  const path = requireDisk(uri);
  await app.store.start();
  const entry = app.store.runs.find(({ manifest }) => manifest.configPath === path);
  if (entry === undefined) {
    throw new EngineError('run', {
      what: path,
      expected: vscode.l10n.t('a run of this config'),
      found: vscode.l10n.t('none yet'),
      action: vscode.l10n.t('Choose Run to start one.'),
    });
  }
  app.panels.show([entry]);
}

/** Opens one dashboard on several runs. */
export async function compare(app: App, targets: readonly Target[]): Promise<undefined> {
  const need = {
    title: vscode.l10n.t('Compare which runs?'),
    expected: vscode.l10n.t('two runs or more'),
    action: vscode.l10n.t('Start another run, e.g. with another ratio.'),
  };
  const runs = await needRuns(app, targets, need, 2);
  if (runs.length > MOST_COMPARED) {
    throw new EngineError('run', {
      what: vscode.l10n.t('A comparison'),
      expected: vscode.l10n.t('at most {0} runs', MOST_COMPARED),
      found: String(runs.length),
      action: vscode.l10n.t('Select fewer of them.'),
    });
  }
  app.panels.show(runs);
}

/** Opens the config a run was started from; what it said then, when the file is gone. */
export async function openConfig(app: App, targets: readonly Target[]): Promise<undefined> {
  const config = targets[0]?.config;
  if (config !== undefined) {
    await vscode.window.showTextDocument(config);
    return;
  }
  const entry = await anyRun(app, targets, vscode.l10n.t('Open the config of which run?'));
  const { configPath } = entry.manifest;
  const path = existsSync(configPath) ? configPath : join(entry.folder, runFiles.config);
  await vscode.window.showTextDocument(vscode.Uri.file(path));
}

/** Shows the folder of a run where the system or the editor shows files. */
export async function revealRunFolder(app: App, targets: readonly Target[]): Promise<undefined> {
  // A folder that cannot be read is a row too, and looking into it is what helps.
  const broken = app.store.rows.find(
    (row) => row.kind === 'broken' && row.folder === targets[0]?.run,
  );
  const title = vscode.l10n.t('Reveal the folder of which run?');
  const folder =
    broken?.kind === 'broken' ? broken.folder : (await anyRun(app, targets, title)).folder;
  const command = vscode.env.remoteName === undefined ? 'revealFileInOS' : 'revealInExplorer';
  await vscode.commands.executeCommand(command, vscode.Uri.file(folder));
}

/** Opens the log file of a run at its end. */
export async function openRunLog(app: App, targets: readonly Target[]): Promise<undefined> {
  const entry = await anyRun(app, targets, vscode.l10n.t('Open the log of which run?'));
  const path = [runFiles.log, runFiles.events]
    .map((name) => join(entry.folder, name))
    .find((one) => existsSync(one));
  if (path === undefined) {
    throw new EngineError('run', {
      what: entry.manifest.name,
      expected: vscode.l10n.t('a log'),
      found: vscode.l10n.t('none: its engine never began'),
      action: vscode.l10n.t('Choose Show Engine Log instead.'),
    });
  }
  await openAtEnd(path);
}

/** Opens the config of an exported subnet beside the file the user works on. */
export async function openSubnetBeside(app: App, targets: readonly Target[]): Promise<undefined> {
  const path = await needSubnetConfig(app, targets, vscode.l10n.t('Open which subnet config?'));
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  await vscode.window.showTextDocument(document, {
    viewColumn: columnBeside(),
    preserveFocus: true,
    preview: false,
  });
}

/**
 * The exported subnet config a command works on.
 * @returns absolute path
 * @throws EngineError `run` when nothing was exported, `cancelled`
 */
export async function needSubnetConfig(
  app: App,
  targets: readonly Target[],
  title: string,
): Promise<string> {
  const [target] = targets;
  const { store } = app;
  await store.start();
  const named = target?.run === undefined ? undefined : store.find(target.run);
  const runs = named === undefined ? store.runs : [named];
  // A path is taken only from what a run says it has written.
  const choices = runs.flatMap((run) => subnetConfigOf(run).map((file) => ({ run, ...file })));
  const wanted = target?.subnet;
  const fitting = choices.filter(
    ({ run, path, key }) =>
      (target?.file === undefined || target.file === path) &&
      (wanted === undefined || wanted === (key ?? bestSubnetKey(run))),
  );
  const [first] = fitting;
  if (first === undefined) throw notExported(named, target);
  if (fitting.length === 1 || target?.file !== undefined) return first.path;
  return pickOne(
    fitting.map(({ run, path, label }) => ({
      label: run.manifest.name,
      description: label,
      value: path,
    })),
    { title },
  );
}

/** Opens a text file with the cursor at its end. */
export async function openAtEnd(path: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  const end = document.lineAt(Math.max(0, document.lineCount - 1)).range.end;
  await vscode.window.showTextDocument(document, { selection: new vscode.Range(end, end) });
}

function anyRun(app: App, targets: readonly Target[], title: string): Promise<RunEntry> {
  return needRun(app, targets, {
    title,
    expected: vscode.l10n.t('a run'),
    action: vscode.l10n.t('Start one with Run, or run the bundled example.'),
  });
}

function notExported(run: RunEntry | undefined, target: Target | undefined): EngineError {
  return new EngineError('run', {
    what: run?.manifest.name ?? vscode.l10n.t('The workspace'),
    expected: vscode.l10n.t('an exported subnet config'),
    found: vscode.l10n.t('none'),
    action:
      target?.subnet === undefined
        ? vscode.l10n.t('Wait until a run has finished; it exports its best subnet.')
        : vscode.l10n.t('Choose Export Subnet for it first.'),
  });
}

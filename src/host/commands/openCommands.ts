import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { bytesText } from '../../protocol/sizeText.ts';
import { runFiles } from '../../engine/runs/runLayout.ts';
import { commandRemedy, firstRun, HostError, showRuns } from '../hostError.ts';
import { MOST_COMPARED } from '../panel/runPanels.ts';
import { kindOf, type RunEntry } from '../runs/runEntry.ts';
import { bestSubnetKey, subnetConfigOf } from '../runs/subnetFiles.ts';
import { workspaceExports, type WorkspaceExport } from '../runs/workspaceExports.ts';
import { perplexityText } from '../trees/runLook.ts';
import { requireDisk } from '../trust.ts';
import { joined } from '../ui/format.ts';
import { runningWork } from '../ui/statusBar.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { columnBesideCode } from './codeEditor.ts';
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
    throw new HostError(
      'run',
      {
        what: path,
        expected: vscode.l10n.t('a run of this config'),
        found: vscode.l10n.t('none yet'),
        sentence: vscode.l10n.t('{0} has no run yet.', basename(path)),
        action: vscode.l10n.t('Start one with Run.'),
      },
      [commandRemedy(vscode.l10n.t('Run'), 'run', { config: uri })],
    );
  }
  app.panels.show([entry]);
}

/** Opens one dashboard on several runs. */
export async function compare(app: App, targets: readonly Target[]): Promise<undefined> {
  const need = {
    title: vscode.l10n.t('Compare which runs?'),
    expected: vscode.l10n.t('second run to compare with'),
    action: vscode.l10n.t('Start another run, e.g. with another ratio.'),
  };
  const runs = await needRuns(app, targets, need, 2);
  if (runs.length > MOST_COMPARED) {
    throw new HostError(
      'run',
      {
        what: vscode.l10n.t('A comparison'),
        expected: vscode.l10n.t('at most {0} runs', MOST_COMPARED),
        found: String(runs.length),
        sentence: vscode.l10n.t(
          'At most {0} runs can be compared at once; {1} are selected.',
          MOST_COMPARED,
          runs.length,
        ),
        action: vscode.l10n.t('Select fewer of them.'),
      },
      [commandRemedy(vscode.l10n.t('Choose Runs'), 'compare')],
    );
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
    throw new HostError(
      'run',
      {
        what: entry.manifest.name,
        expected: vscode.l10n.t('a log'),
        found: vscode.l10n.t('none: its engine never began'),
        sentence: vscode.l10n.t(
          '"{0}" has no log, as its engine never began.',
          entry.manifest.name,
        ),
        action: vscode.l10n.t('Look into the engine log instead.'),
      },
      [commandRemedy(vscode.l10n.t('Show Engine Log'), 'showEngineLog')],
    );
  }
  await openAtEnd(path);
}

/** Opens the config of an exported subnet beside the file the user works on. */
export async function openSubnetBeside(app: App, targets: readonly Target[]): Promise<undefined> {
  const path = await needSubnetConfig(app, targets, vscode.l10n.t('Open which subnet config?'));
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  await vscode.window.showTextDocument(document, {
    viewColumn: columnBesideCode(),
    preserveFocus: true,
    preview: false,
  });
}

/**
 * The exported subnet config a command works on. One that was exported into the workspace comes
 * before the copy in the folder of its run.
 * @returns absolute path
 * @throws EngineError `run` when nothing was exported, `cancelled`
 */
export async function needSubnetConfig(
  app: App,
  targets: readonly Target[],
  title: string,
): Promise<string> {
  const [target] = targets;
  await app.store.start();
  const named = target?.run === undefined ? undefined : app.store.find(target.run);
  const runs = named === undefined ? app.store.runs : [named];
  // A path is taken only from what is in the workspace, or from what a run says it has written.
  const choices = [
    ...(await exportedHere(app)).filter(({ run }) => named === undefined || run === named),
    ...runs.flatMap((run) => subnetConfigOf(run).map((file) => ({ run, ...file }))),
  ];
  const wanted = target?.subnet;
  const fitting = choices.filter(
    ({ run, path, key }, i) =>
      choices.findIndex((one) => one.path === path) === i &&
      (target?.file === undefined || target.file === path) &&
      (wanted === undefined || wanted === (key ?? (run === undefined ? null : bestSubnetKey(run)))),
  );
  const [first] = fitting;
  if (first === undefined) throw notExported(app, named, target);
  const isClear = fitting.length === 1 || target?.file !== undefined || wanted !== undefined;
  if (isClear) return first.path;
  return pickOne(
    fitting.map(({ run, path, figure }) => ({
      label: run?.manifest.name ?? basename(dirname(path)),
      description: joined(
        figure !== null && perplexityText(figure.perplexity),
        run !== undefined && kindOf(run),
        figure !== null && bytesText(figure.bytes),
      ),
      detail: vscode.workspace.asRelativePath(path),
      value: path,
    })),
    { title, matchOnDetail: true },
  );
}

/** What was exported into the workspace, with the run it comes from where that is here too. */
async function exportedHere(
  app: App,
): Promise<readonly (WorkspaceExport & { readonly run: RunEntry | undefined })[]> {
  return (await workspaceExports()).map((one) => ({
    ...one,
    run: app.store.runs.find(({ manifest }) => manifest.id === one.runId),
  }));
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
    expected: vscode.l10n.t('run'),
    action: vscode.l10n.t('Start one with Run, or run the bundled example.'),
  });
}

function notExported(app: App, run: RunEntry | undefined, target: Target | undefined): HostError {
  const { t } = vscode.l10n;
  const isNamed = target?.subnet !== undefined;
  const problem = {
    what: run?.manifest.name ?? t('The workspace'),
    expected: t('an exported subnet config'),
    found: t('none'),
    sentence: isNamed
      ? t('This subnet was not exported yet.')
      : run === undefined
        ? t('No run in this workspace has exported a subnet yet.')
        : t('"{0}" has not exported a subnet yet.', run.manifest.name),
    action: isNamed
      ? t('Export it first.')
      : t('Wait until a run has finished: it exports its best subnet.'),
  };
  if (isNamed) {
    return new HostError('run', problem, [commandRemedy(t('Export Subnet'), 'export', target)]);
  }
  return new HostError('run', problem, app.store.rows.length === 0 ? firstRun() : [showRuns()]);
}

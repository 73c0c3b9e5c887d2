import * as vscode from 'vscode';
import { EngineError, type ErrorCode } from '../../protocol/errors.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import { bestRow, denseRow } from '../../dashboard/model/comparisonText.ts';
import type { App } from '../commands/app.ts';
import { execute } from '../commands/commandTable.ts';
import type { Target } from '../commands/target.ts';
import { comparedConfig } from '../comparisons/comparisonEntry.ts';
import { folderOf, isRunJob } from '../service/serviceHandle.ts';
import { commandRemedy, type Remedy } from '../hostError.ts';
import { setting, writeSetting } from '../settings.ts';
import { bestText as bestOf } from '../trees/comparisonLook.ts';
import { endText, hasExported } from './endText.ts';
import { formatFitness } from './format.ts';
import { showInformation } from './messages.ts';
import { exportEnded } from './walkthrough.ts';

/** Announces when work of this workspace ends, as the setting allows. */
export function notifyOfEnds(app: App): vscode.Disposable {
  let before = new Map<string, Job>();
  return app.service.onDidChangeJobs((jobs) => {
    for (const job of jobs) {
      const was = before.get(job.id)?.state;
      // A job met for the first time ended before this window looked.
      if (was === undefined || was === job.state) continue;
      if (job.state === 'failed') void announceFailure(app, job);
      else if (job.state === 'finished') {
        if (hasExported(job)) exportEnded(app.context);
        void announceFinish(app, job);
      }
    }
    before = new Map(jobs.map((job) => [job.id, job]));
  });
}

async function announceFailure(app: App, job: Job): Promise<void> {
  const folder = folderOf(job);
  if (setting('notifications') === 'never' || !isHere(app, job)) {
    app.log.error(`${job.title}: ${job.error?.message ?? 'failed'}`);
    return;
  }
  const configPath = comparedConfig(job);
  const target: Target =
    configPath !== undefined
      ? { config: vscode.Uri.file(configPath) }
      : folder === null
        ? {}
        : { run: folder };
  const go = (name: 'resume' | 'openRunLog' | 'compareMethods') => (): unknown =>
    app.reporter.guard(() => execute(app, name, [target]));
  const remedies =
    configPath !== undefined
      ? [{ label: vscode.l10n.t('Compare Again'), run: go('compareMethods') }]
      : folder === null || app.store.find(folder) === undefined
        ? []
        : [
            ...(isRunJob(job) ? [{ label: vscode.l10n.t('Resume'), run: go('resume') }] : []),
            { label: vscode.l10n.t('Open Run Log'), run: go('openRunLog') },
          ];
  await app.reporter.report(failureOf(job), remedies);
}

async function announceFinish(app: App, job: Job): Promise<void> {
  if (setting('notifications') !== 'finished' || !isHere(app, job)) return;
  const configPath = comparedConfig(job);
  if (configPath !== undefined) return announceCompared(app, job, configPath);
  const folder = folderOf(job);
  if (folder !== null) app.store.touch(folder);
  const run = folder === null ? undefined : app.store.find(folder);
  const { text, exported } = endText(job, run);
  const buttons: Remedy[] = [];
  if (run !== undefined) {
    const show = (): void => app.panels.show([run]);
    buttons.push({ label: vscode.l10n.t('Open Dashboard'), run: show });
  }
  if (exported !== null) {
    const target = { ...(run === undefined ? {} : { run: run.folder }), file: exported };
    const label = vscode.l10n.t('Open Subnet Config');
    buttons.push(commandRemedy(label, 'openSubnetBeside', target));
  }
  await announce(text, buttons);
}

async function announceCompared(app: App, job: Job, configPath: string): Promise<void> {
  app.comparisons.look();
  const table = app.comparisons.find(configPath)?.table ?? null;
  const best = table === null ? undefined : bestRow(table);
  const dense = table === null ? undefined : denseRow(table);
  const text =
    best === undefined || dense === undefined
      ? vscode.l10n.t('"{0}" has finished.', job.title)
      : vscode.l10n.t('{0} (dense {1}).', bestOf(best), formatFitness(dense.perplexity));
  const show = (): void => app.comparisonPanels.show({ configPath, folder: null });
  await announce(text, [{ label: vscode.l10n.t('Open'), run: show }]);
}

/** Shows that something has ended, with what can be done next. */
async function announce(text: string, buttons: readonly Remedy[]): Promise<void> {
  const never = vscode.l10n.t("Don't Show Again");
  const labels = buttons.map(({ label }) => label);
  const answer = await showInformation(text, ...labels, never);
  if (answer === never) await writeSetting('notifications', 'failures');
  await buttons.find(({ label }) => label === answer)?.run();
}

/** The service works for all windows; a window announces its own work. */
function isHere(app: App, job: Job): boolean {
  const config = job.work.kind === 'run' ? job.work.configPath : comparedConfig(job);
  const path = folderOf(job) ?? config ?? null;
  return path !== null && app.roots.holds(path);
}

/** The service sends a code and a text, which already says what to do. */
function failureOf({ title, error }: Job): Error {
  const message = error?.message ?? vscode.l10n.t('it ended without saying why');
  if (error === null || error.code === 'bug') return new Error(`${title}: ${message}`);
  return new JobError(error.code as ErrorCode, title, message);
}

/** The error of a job, whose message is already whole. */
class JobError extends EngineError {
  constructor(code: ErrorCode, title: string, message: string) {
    super(code, { what: title, expected: '', found: message, action: '', sentence: message });
    this.message = `${title}: ${message}`;
  }
}

import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { readConfigFile } from '../../engine/runs/configFile.ts';
import { commandRemedy, HostError, showRuns } from '../hostError.ts';
import type { RunOverrides } from '../../protocol/engineApi.ts';
import { parseRunConfig } from '../../protocol/parseRunConfig.ts';
import { serviceApi, type Job } from '../../protocol/serviceApi.ts';
import { comparingJob } from '../comparisons/comparisonEntry.ts';
import { isResumable, type RunEntry } from '../runs/runEntry.ts';
import { isActive } from '../service/serviceHandle.ts';
import { setting } from '../settings.ts';
import { requireDisk, requireTrust, requireWritable } from '../trust.ts';
import { estimatePage } from '../ui/estimatePage.ts';
import type { App } from './app.ts';
import { pickOne } from './ask.ts';
import { needConfig, needRun } from './pickRun.ts';
import type { Target } from './target.ts';
import { showProgress } from '../ui/messages.ts';

/** How long the first dashboard is waited for after a run was started, ms. */
const OPEN_MS = 60_000;

/** How long a resumed run is waited for until it searches, ms: import and scores may be read again. */
const SEARCH_MS = 600_000;

/** Starts a run of a config, or queues it. */
export async function run(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const uri = await needConfig(app, targets, vscode.l10n.t('Run which config?'));
  const { configPath, title } = await readyConfig(uri);
  await app.store.addHome(dirname(configPath));
  await app.service.attachIfLive();
  const same = app.service.jobs.find((job) => isActive(job) && configOf(job) === configPath);
  if (same !== undefined && !(await runAgain(app, same))) return vscode.l10n.t('Already there.');
  const overrides = overridesFor(configPath);
  const id = await app.service.submit({ kind: 'run', configPath, overrides }, title);
  void openWhenBegun(app, id);
  const waits = app.service.jobs.some((job) => job.id !== id && isActive(job));
  return waits ? vscode.l10n.t('Queued.') : vscode.l10n.t('Started.');
}

/** Tells what a run would take, and why, before anything is started. */
export async function dryRun(app: App, targets: readonly Target[]): Promise<undefined> {
  requireTrust();
  const uri = await needConfig(app, targets, vscode.l10n.t('Estimate which config?'));
  const { configPath, title } = await readyConfig(uri);
  const report = await showProgress(
    vscode.l10n.t('Working out what "{0}" would take', title),
    (signal) => app.service.request(serviceApi.estimate, { configPath }, signal),
  );
  await app.pages.show(vscode.l10n.t('{0} · dry run', title), estimatePage(report, configPath));
}

/** Continues a run that was paused, interrupted or failed. */
export async function resume(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const entry = await needRun(app, targets, {
    title: vscode.l10n.t('Resume which run?'),
    accept: isResumable,
    expected: vscode.l10n.t('run that was paused, was interrupted or has failed'),
    action: vscode.l10n.t('Choose such a run in the Runs view.'),
  });
  await requireWritable(entry.folder);
  const work = { kind: 'resume', runFolder: entry.folder } as const;
  // A run goes on where it began, so that it ends the same; but not on a device that is gone.
  if (entry.digest.lostDevice) {
    await app.service.submit({ ...work, device: 'auto' }, entry.manifest.name);
    return vscode.l10n.t('Resumed on the fastest device that works now.');
  }
  await app.service.submit(work, entry.manifest.name);
  return vscode.l10n.t('Resumed.');
}

/** Stops a run or a comparison within a block's time; it can be resumed. A queued one leaves the queue. */
export async function pause(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  await app.service.attachIfLive();
  const comparing = comparingJob(app.service.jobs, targets[0]);
  if (comparing !== undefined) {
    await app.service.request(serviceApi.cancel, { id: comparing.id });
    return vscode.l10n.t('Stopping. Finished rows are kept.');
  }
  const entry = await activeRun(app, targets, vscode.l10n.t('Pause which run?'));
  await app.service.request(serviceApi.cancel, { id: jobOf(entry).id });
  return vscode.l10n.t('Pausing.');
}

/**
 * Ends the search now; the best subnet goes on to be reformed, measured and exported. A run that is
 * not running is resumed for that.
 */
export async function keepBest(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  await app.service.attachIfLive();
  const entry = await needRun(app, targets, {
    title: vscode.l10n.t('End the search of which run?'),
    accept: (run) => run.state === 'running' || (isResumable(run) && run.digest.top.length > 0),
    expected: vscode.l10n.t('run that is running or has found subnets'),
    action: vscode.l10n.t('Start or resume a run first.'),
  });
  const said = vscode.l10n.t('The search ends; its best subnet goes on.');
  if (entry.state === 'running') {
    await app.service.request(serviceApi.finishSearch, { id: jobOf(entry).id });
    return said;
  }
  await requireWritable(entry.folder);
  const work = { kind: 'resume', runFolder: entry.folder } as const;
  const id = await app.service.submit(work, entry.manifest.name);
  void app.reporter.guard(async () => {
    const found = await app.service.waitFor(id, hasComeToSearch, SEARCH_MS);
    if (found?.stage === 'search') await app.service.request(serviceApi.finishSearch, { id });
  });
  return said;
}

/** Moves a queued run one place up. */
export async function moveUp(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const queue = app.service.jobs.filter(({ state }) => state === 'queued');
  const job = await queuedJob(queue.slice(1), targets, vscode.l10n.t('Move up which run?'));
  await app.service.request(serviceApi.move, { id: job.id, to: queue.indexOf(job) - 1 });
  return vscode.l10n.t('Moved up.');
}

/** Takes work out of the queue. */
export async function removeFromQueue(app: App, targets: readonly Target[]): Promise<string> {
  requireTrust();
  const queue = app.service.jobs.filter(({ state }) => state === 'queued');
  const job = await queuedJob(queue, targets, vscode.l10n.t('Remove which run from the queue?'));
  await app.service.request(serviceApi.cancel, { id: job.id });
  return vscode.l10n.t('Removed from the queue.');
}

/**
 * A config that is saved, correct and in a folder that can be written to.
 * @throws EngineError `config` that tells where it is wrong, `disk`
 */
export async function readyConfig(
  uri: vscode.Uri,
): Promise<{ readonly configPath: string; readonly title: string }> {
  const configPath = requireDisk(uri);
  const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
  if (open?.isDirty === true) await open.save();
  const text = readConfigFile(configPath);
  const { name } = parseRunConfig(text, configPath);
  await requireWritable(dirname(configPath));
  return { configPath, title: name ?? basename(configPath).replace(/\.subnet\.jsonc$/, '') };
}

/** The device of the settings counts where the config names none. */
export function overridesFor(configPath: string): Pick<RunOverrides, 'device'> {
  const device = setting('device', vscode.Uri.file(configPath));
  const named = parseRunConfig(readConfigFile(configPath), configPath).device !== undefined;
  return named || device === 'auto' ? {} : { device };
}

/** Two windows, or a second click: the same config need not run twice. */
async function runAgain(app: App, job: Job): Promise<boolean> {
  const again = await pickOne(
    [
      { label: vscode.l10n.t('Open its dashboard'), value: false },
      { label: vscode.l10n.t('Queue another run of it'), value: true },
    ],
    { title: vscode.l10n.t('"{0}" is already running or queued', job.title) },
  );
  const entry = job.runFolder === null ? undefined : app.store.find(job.runFolder);
  if (!again && entry !== undefined) app.panels.show([entry]);
  return again;
}

async function openWhenBegun(app: App, id: string): Promise<void> {
  const begun = await app.service.waitFor(id, ({ runFolder }) => runFolder !== null, OPEN_MS);
  const folder = begun?.runFolder ?? null;
  if (folder === null) return;
  app.store.touch(folder);
  const entry = app.store.find(folder);
  if (entry !== undefined) app.panels.show([entry], { preserveFocus: true });
}

/** Also true for one that has ended or is past its search, so that nobody waits for it. */
function hasComeToSearch({ state, stage }: Job): boolean {
  const isBefore = stage === null || ['import', 'calibrate', 'score'].includes(stage);
  return state !== 'queued' && (state !== 'running' || !isBefore);
}

async function activeRun(app: App, targets: readonly Target[], title: string): Promise<RunEntry> {
  await app.service.attachIfLive();
  return needRun(app, targets, {
    title,
    accept: ({ state }) => state === 'running' || state === 'queued',
    expected: vscode.l10n.t('run that is running or queued'),
    action: vscode.l10n.t('Start or resume a run first.'),
  });
}

/** @throws EngineError `run` for a run that another program does, e.g. the command line */
function jobOf({ job, folder, manifest }: RunEntry): Job {
  if (job !== null) return job;
  throw new HostError(
    'run',
    {
      what: manifest.name,
      expected: vscode.l10n.t('a run of this extension'),
      found: vscode.l10n.t('one that was started elsewhere, e.g. in a terminal'),
      sentence: vscode.l10n.t('"{0}" was started elsewhere, e.g. in a terminal.', manifest.name),
      action: vscode.l10n.t('Stop it where it was started.'),
    },
    [commandRemedy(vscode.l10n.t('Open Dashboard'), 'openDashboard', { run: folder })],
  );
}

async function queuedJob(
  queue: readonly Job[],
  targets: readonly Target[],
  title: string,
): Promise<Job> {
  const [target] = targets;
  const named = queue.find(
    (job) => job.id === target?.job || (target?.run !== undefined && folderIs(job, target.run)),
  );
  if (named !== undefined) return named;
  if (queue.length === 0 || target?.job !== undefined) {
    throw new HostError(
      'run',
      {
        what: vscode.l10n.t('The queue'),
        expected: vscode.l10n.t('a run that can be moved or removed'),
        found: vscode.l10n.t('none'),
        sentence: vscode.l10n.t('No run in the queue can be moved or removed.'),
        action: vscode.l10n.t('It may have started: see the Runs view.'),
      },
      [showRuns()],
    );
  }
  return pickOne(
    queue.map((job) => ({ label: job.title, value: job })),
    { title },
  );
}

function folderIs({ work, runFolder }: Job, folder: string): boolean {
  return runFolder === folder || (work.kind === 'resume' && work.runFolder === folder);
}

function configOf({ work }: Job): string | undefined {
  return work.kind === 'run' ? work.configPath : undefined;
}

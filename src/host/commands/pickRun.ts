import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { commandRemedy, firstRun, HostError, showRuns } from '../hostError.ts';
import { unreadable, type RunEntry } from '../runs/runEntry.ts';
import { bestText, runLook, stateText } from '../trees/runLook.ts';
import { subnetFacts } from '../trees/runNodes.ts';
import { formatFitness, formatTime, joined } from '../ui/format.ts';
import type { App } from './app.ts';
import { pickMany, pickOne, type Choice } from './ask.ts';
import type { Target } from './target.ts';

/** Which runs a command works on. */
export interface RunNeed {
  readonly title: string;
  /** Absent: any run. */
  readonly accept?: (run: RunEntry) => boolean;
  /** What such a run is called after "There is no …", e.g. "run that can be resumed". */
  readonly expected: string;
  /** What to do when there is none. */
  readonly action: string;
}

/**
 * The run a command works on: the one it was called on, the only one that fits, or the one chosen.
 * @throws EngineError `run` when none fits, `cancelled` when none was chosen
 */
export async function needRun(
  app: App,
  targets: readonly Target[],
  need: RunNeed,
): Promise<RunEntry> {
  await app.store.start();
  const accept = need.accept ?? (() => true);
  const named = targets[0]?.run;
  if (named !== undefined) {
    const run = app.store.find(named);
    const broken = app.store.rows.find((row) => row.kind === 'broken' && row.folder === named);
    if (broken?.kind === 'broken') throw unreadable(broken);
    if (run === undefined || !accept(run)) throw doesNotFit(app, run ?? named, need);
    return run;
  }
  const fitting = app.store.runs.filter(accept);
  const [first] = fitting;
  if (first === undefined) throw doesNotFit(app, undefined, need);
  if (fitting.length === 1) return first;
  return pickOne(runChoices(app, fitting), { title: need.title });
}

/**
 * Several runs, of those a command was called on or chosen.
 * @throws EngineError `run` when there are too few, `cancelled`
 */
export async function needRuns(
  app: App,
  targets: readonly Target[],
  need: RunNeed,
  least: number,
): Promise<readonly RunEntry[]> {
  await app.store.start();
  const named = targets.flatMap(({ run }) =>
    run === undefined ? [] : (app.store.find(run) ?? []),
  );
  if (named.length >= least) return named;
  const fitting = app.store.runs.filter(need.accept ?? (() => true));
  if (fitting.length < least) throw doesNotFit(app, undefined, need);
  const choices = runChoices(app, fitting).map((choice) => ({
    ...choice,
    picked: named.includes(choice.value),
  }));
  return pickMany(choices, { title: need.title }, least);
}

/**
 * The config a command works on: the one it was called on, that of the editor, the only one, or the
 * one chosen.
 * @throws EngineError `config` when there is none, `cancelled`
 */
export async function needConfig(
  app: App,
  targets: readonly Target[],
  title: string,
): Promise<vscode.Uri> {
  const [target] = targets;
  if (target?.config !== undefined) return target.config;
  const run = target?.run === undefined ? undefined : app.store.find(target.run);
  if (run !== undefined) return vscode.Uri.file(run.manifest.configPath);
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active !== undefined && isConfig(active)) return active;
  await app.store.start();
  const { configs } = app.roots;
  const [first] = configs;
  if (first === undefined) {
    throw noConfig();
  }
  if (configs.length === 1) return first;
  const choices = configs.map((uri) => ({
    label: basename(uri.path),
    description: vscode.workspace.asRelativePath(dirname(uri.path)),
    value: uri,
  }));
  return pickOne(choices, { title });
}

/** True for the name of a run config. */
export function isConfig(uri: vscode.Uri): boolean {
  return uri.path.endsWith('.subnet.jsonc');
}

/** A run and one of its subnets. */
export interface SubnetChoice {
  readonly run: RunEntry;
  readonly key: string;
}

/**
 * The subnet a command works on: the one it was called on, or one of the best of the run.
 * @throws EngineError `run` when no run has any, `cancelled`
 */
export async function needSubnet(
  app: App,
  targets: readonly Target[],
  title: string,
): Promise<SubnetChoice> {
  const run = await needRun(app, targets, {
    title,
    accept: ({ digest }) => digest.top.length > 0,
    expected: vscode.l10n.t('run whose search has found subnets'),
    action: vscode.l10n.t('Start a run, and wait for its first generation.'),
  });
  const key = targets[0]?.subnet;
  if (key !== undefined) return { run, key };
  const choices = run.digest.top.map((subnet, i) => ({
    label: vscode.l10n.t('Search perplexity {0}', formatFitness(subnet.fitness)),
    description: joined(i === 0 && vscode.l10n.t('best'), subnetFacts(subnet)),
    value: subnet.key,
  }));
  const placeHolder = vscode.l10n.t('Perplexity on the text of the search; lower is better');
  return { run, key: await pickOne(choices, { title, placeHolder }) };
}

function runChoices(app: App, runs: readonly RunEntry[]): Choice<RunEntry>[] {
  const active = new Set(app.panels.active);
  // The run in front of the user comes first.
  const ordered = runs.toSorted((a, b) => Number(active.has(b.key)) - Number(active.has(a.key)));
  return ordered.map((run) => ({
    icon: runLook(run).icon.id,
    label: run.manifest.name,
    description: joined(stateText(run.state), bestText(run), run.home),
    detail: joined(formatTime(run.manifest.createdMs), isCopy(run) && basename(run.folder)),
    value: run,
  }));
}

/** A copied run has the name and the date of its original; only its folder tells them apart. */
function isCopy({ folder, manifest }: RunEntry): boolean {
  return basename(folder) !== manifest.id;
}

/** @param found  the run that does not fit, or what was named in its place; absent: no run fits */
function doesNotFit(app: App, found: RunEntry | string | undefined, need: RunNeed): HostError {
  const { expected, action } = need;
  const { t } = vscode.l10n;
  const isRun = typeof found === 'object';
  const what = isRun ? found.manifest.name : (found ?? t('The workspace'));
  const state = isRun ? stateText(found.state) : t('none');
  const sentence = isRun
    ? t('"{0}" is {1}. This needs a {2}.', what, state, expected)
    : found === undefined
      ? t('There is no {0} in this workspace.', expected)
      : t('{0} is no {1}.', what, expected);
  const problem = { what, expected, found: state, sentence, action };
  return new HostError('run', problem, app.store.rows.length === 0 ? firstRun() : [showRuns()]);
}

function noConfig(): HostError {
  const { t } = vscode.l10n;
  return new HostError(
    'config',
    {
      what: t('The workspace'),
      expected: t('a run config, a file *.subnet.jsonc'),
      found: t('none'),
      sentence: t('There is no run config (*.subnet.jsonc) in this workspace.'),
      action: t('Make one with New Run Config, or run the bundled example.'),
    },
    [
      commandRemedy(t('New Run Config'), 'newConfig'),
      commandRemedy(t('Run the Bundled Example'), 'runExample'),
    ],
  );
}

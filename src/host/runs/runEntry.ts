import * as vscode from 'vscode';
import type { RunStanding } from '../../protocol/panelApi.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { RunManifest } from '../../protocol/runRecord.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import { commandRemedy, HostError } from '../hostError.ts';
import type { RunDigest } from './runDigest.ts';

/**
 * Where a run stands for a person. `paused`: stopped on request; `interrupted`: its process is gone
 * without a word. Both can be resumed, as can one that `failed`.
 */
export type ShownState = 'running' | 'queued' | 'paused' | 'interrupted' | 'failed' | 'finished';

/** A run that can be read. */
export interface RunEntry {
  readonly kind: 'run';
  /** What tells runs apart: see `runKey`. */
  readonly key: string;
  /** Absolute path. */
  readonly folder: string;
  readonly manifest: RunManifest;
  readonly digest: RunDigest;
  readonly state: ShownState;
  /** The service's job that makes or continues it, while it runs or waits. */
  readonly job: Job | null;
  /** Place in the queue from 1; null when it does not wait. */
  readonly queuePlace: number | null;
  /** Title of the job that works on one of its subnets. */
  readonly busyWith: string | null;
  /** Part of that job that is done, 0 to 1; null when it does not tell. */
  readonly busyFraction: number | null;
  /** Name of the workspace folder it belongs to, or of its config's folder. */
  readonly home: string;
}

/** A run folder that cannot be read: one row, the rest stays. */
export interface BrokenRun {
  readonly kind: 'broken';
  readonly key: string;
  readonly folder: string;
  /** Name of the folder. */
  readonly id: string;
  /** Why. */
  readonly message: string;
  readonly home: string;
}

/** A run that waits in the queue and has no folder yet. */
export interface QueuedRun {
  readonly kind: 'queued';
  readonly job: Job;
  readonly configPath: string;
  /** From 1. */
  readonly place: number;
  readonly home: string;
}

/** A row of the list of runs. */
export type RunRow = RunEntry | BrokenRun | QueuedRun;

/** Kept share of the prunable parameters; null when the manifest does not tell. */
export function ratioOf({ manifest }: RunEntry): number | null {
  const { ratio } = manifest.config;
  return typeof ratio === 'number' ? ratio : null;
}

/** What a run does, in a few words: `70% kept`, `2:4 mlp`, `70% kept · 2:4 mlp · int4`. */
export function kindOf(run: RunEntry): string {
  const { config } = run.manifest;
  const ratio = ratioOf(run);
  const sparsify = config['sparsify'] as Partial<ResolvedConfig['sparsify']> | undefined;
  const quantise = (config['export'] as Partial<ResolvedConfig['export']> | undefined)?.quantise;
  const isSparse = (sparsify?.method ?? 'none') !== 'none';
  return [
    ratio === null || (ratio === 1 && isSparse)
      ? ''
      : vscode.l10n.t('{0}% kept', Number((100 * ratio).toPrecision(3))),
    isSparse ? `${sparsify?.pattern} ${sparsify?.scope}` : '',
    quantise === 'int8' || quantise === 'int4' ? quantise : '',
  ]
    .filter((part) => part !== '')
    .join(' · ');
}

/** Name of the model, from its folder. */
export function modelName({ manifest }: RunEntry): string {
  const { model } = manifest.config;
  const last = typeof model === 'string' ? model.split(/[\\/]/).filter(Boolean).at(-1) : undefined;
  return last ?? manifest.model?.family ?? '?';
}

/** Generations the search will take at most; null when the manifest does not tell. */
export function plannedGenerations({ manifest }: RunEntry): number | null {
  const search = manifest.config['search'] as { readonly generations?: unknown } | undefined;
  return typeof search?.generations === 'number' ? search.generations : null;
}

/** True when it can be resumed. */
export function isResumable({ state }: RunEntry): boolean {
  return state === 'paused' || state === 'interrupted' || state === 'failed';
}

/** What a dashboard is told of where a run stands. */
export function standingOf({ state, queuePlace, busyWith }: RunEntry): RunStanding {
  const plain = state === 'paused' || state === 'interrupted' ? 'stopped' : state;
  return { state: plain, queuePlace, busyWith };
}

/** What to say when something is asked of a run that cannot be read: why, and where it can be seen to. */
export function unreadable({ id, folder, message }: BrokenRun): HostError {
  const found = message.replace(/\.$/, '');
  return new HostError(
    'run',
    {
      what: vscode.l10n.t('Run {0}', id),
      expected: vscode.l10n.t('a run that can be read'),
      found,
      sentence: vscode.l10n.t('The run {0} cannot be read: {1}.', id, found),
      action: vscode.l10n.t('Look into its folder, or delete it.'),
    },
    [
      commandRemedy(vscode.l10n.t('Reveal Run Folder'), 'revealRunFolder', { run: folder }),
      commandRemedy(vscode.l10n.t('Delete Run'), 'deleteRun', { run: folder }),
    ],
  );
}

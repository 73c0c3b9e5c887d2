import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { listComparisons, type FoundComparison } from '../../dashboard/reader/comparisons.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import { COMPARISONS, homeOf, type RunRoots } from '../runs/runRoots.ts';
import { isActive } from '../service/serviceHandle.ts';
import { comparedConfig, comparisonEntries, type ComparisonEntry } from './comparisonEntry.ts';

/** Least time between two looks at the disk, ms: asking whether one is at work may start a process. */
const LOOK_MS = 500;

/** All comparisons of the workspace, read from their folders and joined with the service's jobs. */
export class ComparisonStore implements vscode.Disposable {
  private readonly roots: RunRoots;
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: readonly vscode.Disposable[];
  private jobs: readonly Job[] = [];
  private found: readonly FoundComparison[] = [];
  private list: readonly ComparisonEntry[] = [];
  private due: NodeJS.Timeout | undefined;

  /** Something in {@link entries} changed. */
  readonly onDidChange = this.changed.event;

  constructor(roots: RunRoots) {
    this.roots = roots;
    const watcher = vscode.workspace.createFileSystemWatcher(COMPARISONS);
    const soon = (): void => this.lookSoon();
    this.subscriptions = [
      ...[watcher, watcher.onDidCreate(soon), watcher.onDidChange(soon)],
      ...[watcher.onDidDelete(soon), roots.onDidSearch(() => this.look())],
    ];
  }

  /** Those at work first, then newest first, then those that cannot be read. */
  get entries(): readonly ComparisonEntry[] {
    return this.list;
  }

  /** The comparison of a folder, or the one to show for a config: its newest. */
  find(folderOrConfig: string): ComparisonEntry | undefined {
    const mine = this.list.filter(
      ({ folder, configPath }) => folder === folderOrConfig || configPath === folderOrConfig,
    );
    return mine.find(({ table }) => table !== null) ?? mine[0];
  }

  /** The job that compares a config now, or will. */
  jobOf(configPath: string): Job | undefined {
    return this.jobs.find((job) => isActive(job) && comparedConfig(job) === configPath);
  }

  /** Takes the service's list of jobs. */
  setJobs(jobs: readonly Job[]): void {
    const mine = jobs.filter((job) => comparedConfig(job) !== undefined);
    if (JSON.stringify(mine) === JSON.stringify(this.jobs)) return;
    this.jobs = mine;
    this.announce();
    // The editor's watcher may leave out what its settings exclude; a job tells of each row.
    this.lookSoon();
  }

  /** Reads what is on disk now. */
  look(): void {
    const folders = this.roots.roots.map((root) => dirname(dirname(root)));
    this.found = listComparisons(folders);
    this.announce();
  }

  dispose(): void {
    clearTimeout(this.due);
    for (const one of this.subscriptions) one.dispose();
    this.changed.dispose();
  }

  private lookSoon(): void {
    this.due ??= setTimeout(() => {
      this.due = undefined;
      this.look();
    }, LOOK_MS);
  }

  private announce(): void {
    this.list = comparisonEntries(this.found, this.jobs, homeOf);
    this.changed.fire();
  }
}

import { existsSync, readdirSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as vscode from 'vscode';
import { watchRun } from '../../dashboard/reader/eventTail.ts';
import type { Job } from '../../protocol/serviceApi.ts';
import { folderOf, isActive } from '../service/serviceHandle.ts';
import type { DigestCache } from './digestCache.ts';
import type { RunEntry, RunRow } from './runEntry.ts';
import { RunLog, type RunReading } from './runLog.ts';
import { homeOf, type RunRoots } from './runRoots.ts';
import { runRows } from './runRows.ts';

/** Least time between two announcements, ms. */
const TELL_MS = 250;

interface Known {
  readonly log: RunLog;
  /** Of the log as a whole; undefined while it is read for the first time. */
  reading: RunReading | undefined;
  /** Set while the run may be written to. */
  stopWatching: (() => void) | undefined;
}

/**
 * All runs of the workspace, read from their folders and joined with the service's jobs.
 *
 * A run that is being written is watched; of one that is not, only its folder's coming and going.
 */
export class RunStore implements vscode.Disposable {
  private readonly roots: RunRoots;
  private readonly cache: DigestCache | undefined;
  private readonly known = new Map<string, Known>();
  private readonly rootWatchers = new Map<string, FSWatcher>();
  private readonly changed = new vscode.EventEmitter<void>();
  private jobs: readonly Job[] = [];
  private list: readonly RunRow[] = [];
  private due: NodeJS.Timeout | undefined;
  private started: Promise<void> | undefined;
  private disposed = false;

  /** Something in {@link rows} changed; at most four times a second. */
  readonly onDidChange = this.changed.event;

  /** @param cache  spares reading the logs of runs that ended in earlier windows */
  constructor(roots: RunRoots, cache?: DigestCache) {
    this.roots = roots;
    this.cache = cache;
  }

  /** Queued runs, then runs newest first, then folders that cannot be read. */
  get rows(): readonly RunRow[] {
    return this.list;
  }

  /** The runs that can be read, newest first. */
  get runs(): readonly RunEntry[] {
    return this.list.filter((row): row is RunEntry => row.kind === 'run');
  }

  /** The run of an id or a folder. */
  find(idOrFolder: string): RunEntry | undefined {
    return this.runs.find(
      ({ folder, manifest }) => folder === idOrFolder || manifest.id === idOrFolder,
    );
  }

  /** Looks for runs the first time, and watches from then on; done when all are read. */
  start(): Promise<void> {
    this.started ??= (async () => {
      this.roots.watch({
        onShape: () => void this.refresh(),
        onRun: (folder) => this.touch(folder),
      });
      await this.refresh();
    })();
    return this.started;
  }

  /** Looks for runs and reads what is new in each. */
  async refresh(): Promise<void> {
    await this.roots.search();
    await this.readAll();
  }

  /** Takes the service's list of jobs. */
  setJobs(jobs: readonly Job[]): void {
    const before = new Map(this.jobs.map((job) => [job.id, job]));
    this.jobs = jobs;
    for (const job of jobs) {
      const folder = folderOf(job);
      if (folder === null || !existsSync(folder)) continue;
      const isNew = !this.known.has(folder);
      // Jobs of other windows that have ended are no business of this one.
      if (isNew ? !isActive(job) : before.get(job.id)?.state === job.state) continue;
      this.known.get(folder)?.log.forgetLock();
      this.touch(folder);
    }
    this.announce();
  }

  /** Adds the runs of a folder outside the workspace. */
  async addHome(configFolder: string): Promise<void> {
    if (this.roots.add(configFolder)) await this.readAll();
  }

  /** Reads one run again now. */
  touch(folder: string): void {
    if (this.readOne(folder)) void this.catchUp(folder).then(() => this.announceSoon());
    else this.announceSoon();
  }

  dispose(): void {
    this.disposed = true;
    clearTimeout(this.due);
    for (const { stopWatching } of this.known.values()) stopWatching?.();
    for (const watcher of this.rootWatchers.values()) watcher.close();
    this.changed.dispose();
  }

  private async readAll(): Promise<void> {
    const folders = new Set<string>();
    for (const root of this.roots.roots) {
      for (const folder of foldersIn(root)) folders.add(folder);
      this.watchRoot(root);
    }
    for (const job of this.jobs.filter(isActive)) {
      const folder = folderOf(job);
      if (folder !== null && existsSync(folder)) folders.add(folder);
    }
    for (const folder of this.known.keys()) {
      if (!folders.has(folder)) this.forget(folder);
    }
    for (const folder of folders) {
      if (this.disposed) return;
      await this.catchUp(folder);
      this.announceSoon();
    }
    this.cache?.keepOnly([...this.known.values()].map(({ log }) => log.folder));
    this.announce();
  }

  /** Reads a run to the end of its log, with a turn for the window's other work between two pieces. */
  private async catchUp(folder: string): Promise<void> {
    do await setImmediate();
    while (this.readOne(folder));
  }

  /** Reads one piece of a run. @returns true when there is more */
  private readOne(folder: string): boolean {
    if (this.disposed) return false;
    if (!existsSync(folder)) {
      this.forget(folder);
      return false;
    }
    const log = this.known.get(folder)?.log ?? new RunLog(folder, this.cache);
    const known = this.known.get(folder) ?? { log, reading: undefined, stopWatching: undefined };
    this.known.set(folder, known);
    const reading = log.read();
    if (log.isBehind) return true;
    known.reading = reading;
    if (this.isLive(folder, reading)) {
      known.stopWatching ??= watchRun(folder, () => this.touch(folder));
    } else {
      known.stopWatching?.();
      known.stopWatching = undefined;
    }
    return false;
  }

  private isLive(folder: string, reading: RunReading): boolean {
    const busy = this.jobs.some((job) => job.state === 'running' && folderOf(job) === folder);
    return busy || (reading.kind === 'run' && reading.digest.state === 'running' && reading.held);
  }

  private forget(folder: string): void {
    this.known.get(folder)?.stopWatching?.();
    this.known.delete(folder);
  }

  /** The editor's watcher may leave out what its settings exclude; this one sees new runs. */
  private watchRoot(root: string): void {
    if (this.rootWatchers.has(root) || !existsSync(root)) return;
    try {
      const watcher = watch(root, () => void this.readAll());
      watcher.on('error', () => {
        watcher.close();
        this.rootWatchers.delete(root);
      });
      this.rootWatchers.set(root, watcher);
    } catch {
      // Out of watches: the editor's watcher and the jobs still tell.
    }
  }

  private announceSoon(): void {
    this.due ??= setTimeout(() => {
      this.due = undefined;
      this.announce();
    }, TELL_MS);
  }

  private announce(): void {
    if (this.disposed) return;
    const runs = [...this.known].flatMap(([folder, { reading }]) =>
      reading === undefined ? [] : [{ folder, reading }],
    );
    this.list = runRows(runs, this.jobs, homeOf);
    this.changed.fire();
  }
}

function foldersIn(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => join(root, name));
  } catch {
    return [];
  }
}

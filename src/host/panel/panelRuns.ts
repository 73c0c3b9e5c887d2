import * as vscode from 'vscode';
import { RunReader, type RunChange } from '../../dashboard/reader/runReader.ts';
import type { RunSnapshot } from '../../dashboard/model/runSnapshot.ts';
import { HostError, showRuns } from '../hostError.ts';
import { unreadable, type RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';

/** The runs that one dashboard shows, by key. It can ask for no others. */
export class PanelRuns {
  readonly keys: readonly string[];
  private readonly store: RunStore;
  private readonly readers = new Map<string, RunReader>();
  private following: (() => void)[] = [];

  constructor(store: RunStore, keys: readonly string[]) {
    this.store = store;
    this.keys = keys;
  }

  /** @throws EngineError `run` for a key that this dashboard does not show, or whose run is gone */
  entry(key: string): RunEntry {
    const isShown = this.keys.includes(key);
    const entry = isShown ? this.store.ofKey(key) : undefined;
    if (entry !== undefined) return entry;
    const broken = this.store.rows.find((row) => row.kind === 'broken' && row.key === key);
    if (isShown && broken?.kind === 'broken') throw unreadable(broken);
    throw new HostError(
      'run',
      {
        what: vscode.l10n.t('This run'),
        expected: vscode.l10n.t('a run of this dashboard'),
        found: vscode.l10n.t('none'),
        sentence: vscode.l10n.t('This run was deleted or moved, or it cannot be read.'),
        action: vscode.l10n.t('Open another run from the Runs view.'),
      },
      [showRuns()],
    );
  }

  /** @throws EngineError as {@link entry}, or when its folder cannot be read */
  reader(key: string): RunReader {
    const { folder } = this.entry(key);
    const known = this.readers.get(key);
    if (known?.folder === folder) return known;
    const reader = new RunReader(folder);
    this.readers.set(key, reader);
    return reader;
  }

  /** What a run is now, under the name its dashboard knows it by. @throws EngineError as {@link reader} */
  snapshot(key: string): RunSnapshot {
    const snapshot = this.reader(key).snapshot();
    return { ...snapshot, head: { ...snapshot.head, id: key } };
  }

  /**
   * What each run is now. Of several, those that cannot be read are left out.
   * @throws EngineError when none can be read
   */
  async snapshots(): Promise<RunSnapshot[]> {
    const snapshots: RunSnapshot[] = [];
    let first: unknown;
    for (const key of this.keys) {
      try {
        await this.reader(key).catchUp();
        snapshots.push(this.snapshot(key));
      } catch (error) {
        first ??= error;
      }
    }
    if (snapshots.length === 0) throw first;
    return snapshots;
  }

  /** Follows all of them until {@link unfollow}. */
  follow(listener: (key: string, change: RunChange) => void): void {
    this.unfollow();
    for (const [key, reader] of this.readers) {
      this.following.push(reader.follow((change) => listener(key, change)));
    }
  }

  unfollow(): void {
    for (const stop of this.following) stop();
    this.following = [];
  }
}

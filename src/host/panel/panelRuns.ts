import * as vscode from 'vscode';
import { RunReader, type RunChange } from '../../dashboard/reader/runReader.ts';
import type { RunSnapshot } from '../../dashboard/model/runSnapshot.ts';
import { EngineError } from '../../protocol/errors.ts';
import { unreadable, type RunEntry } from '../runs/runEntry.ts';
import type { RunStore } from '../runs/runStore.ts';

/** The runs that one dashboard shows, by id. It can ask for no others. */
export class PanelRuns {
  readonly ids: readonly string[];
  private readonly store: RunStore;
  private readonly readers = new Map<string, RunReader>();
  private following: (() => void)[] = [];

  constructor(store: RunStore, ids: readonly string[]) {
    this.store = store;
    this.ids = ids;
  }

  /** @throws EngineError `run` for an id that this dashboard does not show, or whose run is gone */
  entry(id: string): RunEntry {
    const isShown = this.ids.includes(id);
    const entry = isShown ? this.store.find(id) : undefined;
    if (entry !== undefined) return entry;
    const broken = this.store.rows.find((row) => row.kind === 'broken' && row.id === id);
    if (isShown && broken?.kind === 'broken') throw unreadable(broken);
    throw new EngineError('run', {
      what: vscode.l10n.t('Run {0}', id),
      expected: vscode.l10n.t('a run of this dashboard'),
      found: vscode.l10n.t('none: it was deleted, moved or cannot be read'),
      action: vscode.l10n.t('Open another run from the Runs view.'),
    });
  }

  /** @throws EngineError as {@link entry}, or when its folder cannot be read */
  reader(id: string): RunReader {
    const { folder } = this.entry(id);
    const known = this.readers.get(id);
    if (known?.folder === folder) return known;
    const reader = new RunReader(folder);
    this.readers.set(id, reader);
    return reader;
  }

  /**
   * What each run is now. Of several, those that cannot be read are left out.
   * @throws EngineError when none can be read
   */
  async snapshots(): Promise<RunSnapshot[]> {
    const snapshots: RunSnapshot[] = [];
    let first: unknown;
    for (const id of this.ids) {
      try {
        const reader = this.reader(id);
        await reader.catchUp();
        snapshots.push(reader.snapshot());
      } catch (error) {
        first ??= error;
      }
    }
    if (snapshots.length === 0) throw first;
    return snapshots;
  }

  /** Follows all of them until {@link unfollow}. */
  follow(listener: (id: string, change: RunChange) => void): void {
    this.unfollow();
    for (const [id, reader] of this.readers) {
      this.following.push(reader.follow((change) => listener(id, change)));
    }
  }

  unfollow(): void {
    for (const stop of this.following) stop();
    this.following = [];
  }
}

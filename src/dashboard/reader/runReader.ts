import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { readManifest } from '../../engine/runs/runLayout.ts';
import { isRunLocked } from '../../engine/runs/runLock.ts';
import { EngineError } from '../../protocol/errors.ts';
import { unitLayout, type UnitLayout } from '../../protocol/unitLayout.ts';
import type { MaskRef } from '../../protocol/panelParams.ts';
import type { RunManifest } from '../../protocol/runRecord.ts';
import type { MapName, SparsityRecord } from '../../protocol/sparsityRecord.ts';
import { emptyRun, reduceRun, type RunModel } from '../model/runModel.ts';
import type { RunHead, RunSnapshot } from '../model/runSnapshot.ts';
import { EventTail, watchRun, type EventBatch } from './eventTail.ts';
import { keptShares, namedMaskKeys, readMask, type KnownKeys, type MaskBits } from './runMasks.ts';
import { hasScores, importanceRanks, layerScores } from './runScores.ts';
import {
  hasSparsity,
  readSparsity,
  sparsityStamp,
  weightPattern,
  type WeightPattern,
} from './runSparsity.ts';

/** What a follower of a run is told. */
export type RunChange =
  /** More of the log; the reader's model holds it already. */
  | { readonly kind: 'events'; readonly batch: EventBatch }
  /** Masks or scores appeared, or the log began anew: take a snapshot. */
  | { readonly kind: 'snapshot' }
  /** The folder is gone. */
  | { readonly kind: 'removed' };

/**
 * A run folder as a dashboard sees it, whether its run is finished, running in another process or
 * broken off. It only reads, and reads no part of the log twice.
 */
export class RunReader {
  /** Absolute path. */
  readonly folder: string;
  readonly manifest: RunManifest;
  private readonly tail: EventTail;
  private readonly followers = new Set<(change: RunChange) => void>();
  private stopWatching: (() => void) | undefined;
  private catchingUp: Promise<void> | undefined;
  private model: RunModel = emptyRun;
  private isSnapshotDue = false;
  /** Keys of masks of deep models take a tenth of a second to compute. */
  private readonly namedKeys: KnownKeys = new Map();
  /** The record that was read last, which every weight is looked up in. */
  private zeros: { readonly stamp: string | null; readonly record: SparsityRecord } | undefined;

  /**
   * @param folder  the run folder
   * @throws EngineError `run` when it is no run or of a newer version; `decode`; `disk`
   */
  constructor(folder: string) {
    this.folder = folder;
    this.manifest = readManifest(folder);
    this.tail = new EventTail(folder);
  }

  /**
   * Reads what the log has by now, piece by piece: other work gets a turn between two of them.
   * Call it before {@link current} and {@link snapshot}, which read what is missing in one go.
   * @throws EngineError `run` for a link on the way, `disk` when the log is no plain file
   */
  catchUp(): Promise<void> {
    this.catchingUp ??= this.readAll().finally(() => {
      this.catchingUp = undefined;
    });
    return this.catchingUp;
  }

  /** Everything the run has told until now. A run whose process is gone counts as stopped. */
  current(): RunModel {
    this.readOn();
    if (this.model.state !== 'running' || isRunLocked(this.folder)) return this.model;
    return { ...this.model, state: 'stopped', message: 'The engine ended without a word.' };
  }

  /** Everything a dashboard needs at once. */
  snapshot(): RunSnapshot {
    const layout = this.layoutOrNull();
    return {
      head: headOf(this.manifest),
      model: this.current(),
      masks: layout === null ? {} : namedMaskKeys(this.folder, layout, this.namedKeys),
      hasScores: layout !== null && hasScores(this.folder, layout),
      hasSparsity: hasSparsity(this.folder),
    };
  }

  /**
   * Follows the run while it goes on. Any number may follow one reader.
   * @returns stops it
   */
  follow(listener: (change: RunChange) => void): () => void {
    this.followers.add(listener);
    this.stopWatching ??= watchRun(this.folder, () => {
      // A log that cannot be read for a moment is looked at again with the next change.
      if (existsSync(this.folder)) this.catchUp().catch(() => undefined);
      else this.tell({ kind: 'removed' });
    });
    return () => {
      this.followers.delete(listener);
      if (this.followers.size > 0) return;
      this.stopWatching?.();
      this.stopWatching = undefined;
    };
  }

  /** @throws EngineError see {@link readMask}; `run` for a run without the sizes of its model */
  mask(ref: MaskRef): MaskBits {
    return readMask(this.folder, this.layout(), ref);
  }

  /** How often each unit is kept by the survivors of the last generation. @throws EngineError `run` */
  frequency(): { readonly subnets: number; readonly shares: Uint8Array } {
    return keptShares(this.folder, this.layout(), this.current().survivors);
  }

  /** See {@link importanceRanks}. @throws EngineError `run` */
  importance(): Uint8Array {
    return importanceRanks(this.folder, this.layout());
  }

  /** See {@link layerScores}. @throws EngineError `run` */
  layerScores(layer: number): Float32Array {
    return layerScores(this.folder, this.layout(), layer);
  }

  /** See {@link readSparsity}. @throws EngineError `run`, `decode`, `disk` */
  sparsity(): SparsityRecord {
    const stamp = sparsityStamp(this.folder);
    if (this.zeros === undefined || this.zeros.stamp !== stamp) {
      this.zeros = { stamp, record: readSparsity(this.folder) };
    }
    return this.zeros.record;
  }

  /** See {@link weightPattern}. @throws EngineError `run`, `decode`, `disk` */
  weightPattern(block: number, map: MapName): WeightPattern {
    return weightPattern(this.folder, block, map, this.sparsity());
  }

  private readOn(): void {
    for (this.readPiece(); this.tail.isBehind; this.readPiece());
    this.tellSnapshot();
  }

  private async readAll(): Promise<void> {
    for (this.readPiece(); this.tail.isBehind; this.readPiece()) await setImmediate();
    this.tellSnapshot();
  }

  private readPiece(): void {
    const batch = this.tail.read();
    if (batch === undefined) return;
    if (batch === 'restarted') {
      this.model = emptyRun;
      this.isSnapshotDue = true;
      return;
    }
    if (batch.events.length === 0) return;
    this.model = reduceRun(this.model, batch.events);
    this.tell({ kind: 'events', batch });
    // Masks and scores are written by stages, and are there when these end.
    this.isSnapshotDue ||= batch.events.some(({ kind }) => kind === 'stageFinished');
  }

  /** Only when all of the log was read: whoever is told so takes a snapshot at once. */
  private tellSnapshot(): void {
    if (!this.isSnapshotDue) return;
    this.isSnapshotDue = false;
    this.tell({ kind: 'snapshot' });
  }

  private tell(change: RunChange): void {
    for (const follower of this.followers) follower(change);
  }

  private layoutOrNull(): UnitLayout | null {
    const { model } = this.manifest;
    return model === undefined ? null : unitLayout(model);
  }

  private layout(): UnitLayout {
    const layout = this.layoutOrNull();
    if (layout !== null) return layout;
    throw new EngineError('run', {
      what: this.folder,
      expected: 'a run that recorded the sizes of its model',
      found: 'one of an early version, which did not',
      action: 'Start the run again to see pictures of its masks.',
      sentence: `The run in ${this.folder} was made by an early version, which did not record the sizes of its model.`,
    });
  }
}

function headOf(manifest: RunManifest): RunHead {
  const { id, name, createdMs, configPath, config, seeds, hashes, versions, model } = manifest;
  const { ratio } = config;
  return {
    ...{ id, name, createdMs, config, seeds, hashes, versions },
    configName: basename(configPath),
    ratio: typeof ratio === 'number' ? ratio : null,
    model: model ?? null,
  };
}

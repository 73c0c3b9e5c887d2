import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readChecked, writeChecked, type CheckedFormat } from '../../files/checkedJson.ts';
import { makeFolder } from '../../files/insideFolder.ts';
import { releaseQuietly } from '../../files/release.ts';
import { removeFile } from '../../files/writeFile.ts';
import { emptyDigest, type RunDigest } from './runDigest.ts';

/** Largest digest that is kept or read, bytes; that of a hundred generations has 10 kB. */
const MOST_BYTES = 4_000_000;

/** What was read of a log that had a certain stamp. */
export interface KeptDigest {
  /** Size, time and identity of the log, see `fileStamp`. */
  readonly stamp: string;
  /** Length of the log, bytes. */
  readonly bytes: number;
  readonly digest: RunDigest;
}

/**
 * Digests of logs that do not change any more, so that a new window need not read them all again.
 *
 * They lie in the extension's own folder, never in the workspace: what a cloned repository brings
 * along is no digest of ours. One that cannot be read or written costs time, nothing else.
 */
export class DigestCache {
  private readonly folder: string;
  private readonly version: string;

  /**
   * @param folder   made when the first digest is kept
   * @param version  of the extension: another one reads logs anew
   */
  constructor(folder: string, version: string) {
    this.folder = folder;
    this.version = `${version} ${Object.keys(emptyDigest).join(' ')}`;
  }

  /** The digest of a run's log; undefined when none was kept of the log with this stamp. */
  find(runFolder: string, stamp: string): KeptDigest | undefined {
    let kept: KeptDigest | undefined;
    releaseQuietly(() => {
      const found = readChecked(this.pathOf(runFolder), this.formatOf(runFolder), MOST_BYTES);
      if (found.kind === 'whole') kept = found.value as KeptDigest;
    });
    return kept?.stamp === stamp ? kept : undefined;
  }

  /** Keeps the digest of a run that has ended. */
  keep(runFolder: string, kept: KeptDigest): void {
    releaseQuietly(() => {
      makeFolder(this.folder);
      writeChecked(this.pathOf(runFolder), this.formatOf(runFolder), kept, 0o600);
    });
  }

  /** Removes the digests of all other runs. */
  keepOnly(runFolders: readonly string[]): void {
    releaseQuietly(() => {
      const names = new Set(runFolders.map(nameOf));
      for (const name of readdirSync(this.folder)) {
        if (!names.has(name)) removeFile(join(this.folder, name));
      }
    });
  }

  private pathOf(runFolder: string): string {
    return join(this.folder, nameOf(runFolder));
  }

  private formatOf(runFolder: string): CheckedFormat {
    return { field: 'kept', head: { version: this.version, run: runFolder } };
  }
}

function nameOf(runFolder: string): string {
  return `${createHash('sha256').update(runFolder).digest('hex').slice(0, 32)}.json`;
}

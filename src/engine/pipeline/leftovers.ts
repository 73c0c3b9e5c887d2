import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { insideFolder } from '../../files/insideFolder.ts';

/** Folders of a run that hold decoders while they are evaluated. */
export const decoderFolders = {
  /** Of the rows of the run's table. */
  measure: 'stages/measure',
  /** Of the row of integers. */
  quantised: 'stages/quantised',
} as const;

/** Folder of a run for what is known of one subnet. */
export function subnetFolder(key: string): string {
  return join('subnets', key);
}

/** Folder of a run that holds decoders while one subnet is evaluated. */
export function subnetDecoderFolder(key: string): string {
  return join(subnetFolder(key), 'measure');
}

/**
 * Removes the decoders that a killed process has left in a run folder: they are as large as models.
 * What cannot be removed stays.
 * @param runFolder  locked by this process
 */
export function removeLeftovers(runFolder: string): void {
  const keys = entriesOf(join(runFolder, 'subnets'));
  for (const name of [...Object.values(decoderFolders), ...keys.map(subnetDecoderFolder)]) {
    try {
      rmSync(insideFolder(runFolder, name), { recursive: true, force: true });
    } catch {
      continue;
    }
  }
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readChecked, writeChecked, type CheckedFormat } from '../../files/checkedJson.ts';
import { insideFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { onDisk } from '../../files/writeFile.ts';
import { MOST_JSON_BYTES, runFiles } from './runLayout.ts';

/** Generations kept: the newest, and two to fall back on when a disk damages it. */
const KEEP = 3;

/** State of the search after a generation. */
export interface GenerationState {
  readonly generation: number;
  /** What the search wrote, unchecked. */
  readonly state: unknown;
}

/**
 * Writes the state of the search after a generation, whole or not at all, and drops the oldest.
 * @param folder  the run folder
 * @param state  plain data with finite numbers
 * @throws EngineError `disk`
 */
export function saveGeneration(folder: string, generation: number, state: unknown): void {
  const path = makeFolderInside(folder, runFiles.checkpoints);
  writeChecked(insideFolder(path, nameOf(generation)), formatOf(generation), state);
  const old = generationsIn(path).filter((other) => other <= generation - KEEP);
  for (const other of old) {
    onDisk(path, () => {
      rmSync(join(path, nameOf(other)), { force: true });
    });
  }
}

/**
 * Reads the newest generation that is whole.
 * @returns undefined when there is none: the search then starts again and comes to the same result
 * @throws EngineError `disk`; `run` for a link on the way
 */
export function latestGeneration(folder: string): GenerationState | undefined {
  const path = insideFolder(folder, runFiles.checkpoints);
  for (const generation of generationsIn(path).sort((a, b) => b - a)) {
    const file = insideFolder(path, nameOf(generation));
    const read = readChecked(file, formatOf(generation), MOST_JSON_BYTES);
    if (read.kind === 'whole') return { generation, state: read.value };
  }
  return undefined;
}

function formatOf(generation: number): CheckedFormat {
  return { field: 'state', head: { generation } };
}

function generationsIn(path: string): number[] {
  let names: string[];
  try {
    names = readdirSync(path);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const digits = /^generation-(\d{4,9})\.json$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

function nameOf(generation: number): string {
  return `generation-${String(generation).padStart(4, '0')}.json`;
}

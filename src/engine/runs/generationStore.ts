import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../protocol/errors.ts';
import { makeFolder, onDisk, writeJsonAtomic } from './atomicWrite.ts';
import { readRunJson, runFiles } from './runLayout.ts';

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
  const path = join(folder, runFiles.checkpoints);
  makeFolder(path);
  writeJsonAtomic(join(path, nameOf(generation)), { generation, state });
  const old = generationsIn(path).filter((other) => other <= generation - KEEP);
  for (const other of old) {
    onDisk(path, () => {
      rmSync(join(path, nameOf(other)), { force: true });
    });
  }
}

/**
 * Reads the newest generation that is whole.
 * @returns undefined when the search has not finished one
 * @throws EngineError `run` when there are some but none can be read
 */
export function latestGeneration(folder: string): GenerationState | undefined {
  const path = join(folder, runFiles.checkpoints);
  const generations = generationsIn(path).sort((a, b) => b - a);
  for (const generation of generations) {
    const state = readState(folder, generation);
    if (state !== undefined) return state;
  }
  if (generations.length === 0) return undefined;
  throw new EngineError('run', {
    what: path,
    expected: 'a readable generation',
    found: `${generations.length} damaged ones`,
    action: `Delete ${path} to search again from the start; earlier stages are kept.`,
  });
}

function readState(folder: string, generation: number): GenerationState | undefined {
  try {
    const value = readRunJson(folder, join(runFiles.checkpoints, nameOf(generation)));
    if (typeof value !== 'object' || value === null || !('state' in value)) return undefined;
    return { generation, state: value.state };
  } catch (error) {
    if (error instanceof EngineError && error.code === 'decode') return undefined;
    throw error;
  }
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

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runsRootOf } from '../engine/runs/runLayout.ts';

/**
 * The run folder a word of the command line means.
 * @param word  a path, or the id of a run below `.subnet/runs` of the folder
 * @returns an absolute path; the engine tells when there is no run
 */
export function findRun(word: string, cwd: string): string {
  const path = resolve(cwd, word);
  if (existsSync(path)) return path;
  const byId = join(runsRootOf(cwd), word);
  return !/[\\/]/.test(word) && existsSync(byId) ? byId : path;
}

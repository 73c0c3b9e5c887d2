import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareRowSchema, type CompareRow } from '../../protocol/compareRow.ts';
import { decodeJson } from '../../protocol/decode.ts';
import { writeJsonAtomic } from '../runs/atomicWrite.ts';
import { METHODS_REVISION, type RowFamily } from './comparisonKey.ts';

/** What a row of a comparison is about. */
export type RowName = Pick<CompareRow, 'method' | 'pattern' | 'scope'>;

/** A row that is still to be made, by a family of methods. */
export interface RowPlace {
  readonly name: RowName;
  readonly family: RowFamily;
}

/**
 * A finished row of a comparison's folder. One that cannot be read, or is of another revision of
 * its method, is not there: it is made again.
 * @param seed  which it must have
 */
export function readRow(folder: string, place: RowPlace, seed: number): CompareRow | undefined {
  const path = pathOf(folder, place);
  if (!existsSync(path)) return undefined;
  try {
    const row = decodeJson(compareRowSchema, readFileSync(path, 'utf8'), path);
    return titleOf(row) === titleOf(place.name) && row.seed === seed ? row : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a finished row. @throws EngineError `disk`, `numeric` for a figure that is no number */
export function writeRow(folder: string, place: RowPlace, row: CompareRow): void {
  writeJsonAtomic(pathOf(folder, place), row);
}

/** A row's name for people; no two rows share one. */
export function titleOf({ method, pattern, scope }: RowName): string {
  if (method === pattern) return method;
  return scope === 'structured' ? `${method}, ${pattern}` : `${method}, ${pattern}, ${scope}`;
}

function pathOf(folder: string, { name, family }: RowPlace): string {
  const { method, pattern, scope } = name;
  const safe = `${scope}-${pattern}-${method}`.replaceAll(/[^\w.-]/g, '_');
  return join(folder, `${safe}.r${METHODS_REVISION[family]}.json`);
}

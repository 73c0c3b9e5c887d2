import { insideFolder } from '../../files/insideFolder.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { replaceJson } from '../../files/writeFile.ts';
import { compareRowSchema, type CompareRow } from '../../protocol/compareRow.ts';
import { decodeJson } from '../../protocol/decode.ts';
import { METHODS_REVISION, type RowFamily } from './comparisonKey.ts';

/** A row takes some 250 bytes. */
const MOST_ROW_BYTES = 65_536;

/** What a row of a comparison is about. */
export type RowName = Pick<CompareRow, 'method' | 'pattern' | 'scope'>;

/** The family of methods that make a row. */
export function familyOf({ method, scope }: RowName): RowFamily {
  if (scope !== 'structured') return 'sparsity';
  if (method === 'ours') return 'ours';
  return method.startsWith('paper') ? 'paper' : 'structured';
}

/**
 * A finished row of a comparison's folder. One that cannot be read, or is of another revision of
 * its method, is not there: it is made again.
 * @param seed  which it must have
 */
export function readRow(folder: string, name: RowName, seed: number): CompareRow | undefined {
  try {
    const path = pathOf(folder, name);
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_ROW_BYTES });
    if (text === undefined) return undefined;
    const row = decodeJson(compareRowSchema, text, path);
    return titleOf(row) === titleOf(name) && row.seed === seed ? row : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a finished row. @throws EngineError `disk`, `numeric` for a figure that is no number */
export function writeRow(folder: string, row: CompareRow): void {
  replaceJson(pathOf(folder, row), row);
}

/** A row's name for people; no two rows share one. */
export function titleOf({ method, pattern, scope }: RowName): string {
  if (method === pattern) return method;
  return scope === 'structured' ? `${method}, ${pattern}` : `${method}, ${pattern}, ${scope}`;
}

function pathOf(folder: string, name: RowName): string {
  const { method, pattern, scope } = name;
  const safe = `${scope}-${pattern}-${method}`.replaceAll(/[^\w.-]/g, '_');
  return insideFolder(folder, `${safe}.r${METHODS_REVISION[familyOf(name)]}.json`);
}

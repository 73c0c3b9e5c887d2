import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename } from 'node:path';
import type { AskedComparison } from '../../src/engine/pipeline/compareMethods.ts';
import { METHODS_REVISION } from '../../src/engine/pipeline/comparisonKey.ts';
import { familyOf, titleOf, writeRow } from '../../src/engine/pipeline/comparisonRows.ts';
import { versions } from '../../src/engine/pipeline/versions.ts';
import type { CompareRow } from '../../src/protocol/compareRow.ts';

/** What of a config rows depend on. */
type Settings = Readonly<Record<string, unknown>> & {
  readonly heldout: string | null;
  readonly shifted: string | null;
};

/** What the rows of a comparison depend on: the first line of each. */
export interface ComparisonLine {
  readonly kind: 'comparison';
  /** Names the comparison; another config, text, model or seed has another one. */
  readonly key: string;
  readonly seed: number;
  /** Names of files instead of their paths. */
  readonly settings: Settings;
  /** SHA-256 of texts, tokenizer and model. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** A row that was made. */
export interface RowLine {
  readonly kind: 'row';
  readonly key: string;
  /** Revision of the methods of its family. */
  readonly revision: number;
  readonly row: CompareRow;
  /** Most memory of the process while the row was made and judged; null where that is not known. */
  readonly peakBytes: number | null;
  /** Where it was made. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
}

/** A file of results, a JSON line for each row, which only grows. */
export class ResultsFile {
  readonly #path: string;
  readonly #lines: (ComparisonLine | RowLine)[];

  constructor(path: string) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    this.#lines = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ComparisonLine | RowLine);
  }

  /** The rows of methods as they are now, the newest of each name and comparison. */
  all(): RowLine[] {
    const newest = new Map<string, RowLine>();
    for (const line of this.#lines) {
      if (line.kind === 'row' && isCurrent(line)) newest.set(nameOf(line), line);
    }
    return [...newest.values()];
  }

  /** The rows of the settings that a row was last made with, whatever the seed, and these settings. */
  newest(): { readonly comparison: ComparisonLine | undefined; readonly lines: RowLine[] } {
    const all = this.all();
    const known = this.#comparisons().filter(({ key }) => all.some((one) => one.key === key));
    const comparison = known.at(-1);
    const textOf = (one?: ComparisonLine): string => JSON.stringify([one?.settings, one?.hashes]);
    const same = known.filter((one) => textOf(one) === textOf(comparison));
    const lines = all.filter(({ key }) => same.some((one) => one.key === key));
    return { comparison, lines };
  }

  /** Puts the rows of a comparison where the engine looks for them. */
  restore({ folder }: AskedComparison): void {
    const key = basename(folder);
    for (const line of this.all()) if (line.key === key) writeRow(folder, line.row);
  }

  /** Keeps a row. @returns  false when it is there already */
  add({ folder, config, hashes }: AskedComparison, row: CompareRow, peak: number | null): boolean {
    const key = basename(folder);
    const revision = METHODS_REVISION[familyOf(row)];
    const machine = cpus()[0]?.model ?? 'unknown';
    const line: RowLine = {
      ...{ kind: 'row', key, revision, row, peakBytes: peak, versions: versions(), machine },
    };
    if (this.all().some((one) => nameOf(one) === nameOf(line))) return false;
    if (!this.#comparisons().some((one) => one.key === key)) {
      const { seed } = config;
      this.#append({ kind: 'comparison', key, seed, settings: settingsOf(config), hashes });
    }
    this.#append(line);
    return true;
  }

  #comparisons(): ComparisonLine[] {
    return this.#lines.filter((line) => line.kind === 'comparison');
  }

  #append(line: ComparisonLine | RowLine): void {
    appendFileSync(this.#path, `${JSON.stringify(line)}\n`);
    this.#lines.push(line);
  }
}

function nameOf({ key, row }: RowLine): string {
  return `${key} ${titleOf(row)}`;
}

function isCurrent({ row, revision }: RowLine): boolean {
  return revision === METHODS_REVISION[familyOf(row)];
}

function settingsOf(config: AskedComparison['config']): Settings {
  const { model, text, heldout, compare, calibration, importance, search, reform, evaluation } =
    config;
  const nameOfFile = (path: string | null): string | null =>
    path === null ? null : basename(path);
  return {
    ...{ model: basename(model), text: basename(text), heldout: nameOfFile(heldout) },
    shifted: nameOfFile(compare.shifted),
    ...{ device: config.device, attention: config.attention },
    ...{ calibration, importance, search, reform, evaluation },
  };
}

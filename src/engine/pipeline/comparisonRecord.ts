import { insideFolder } from '../../files/insideFolder.ts';
import { replaceJson } from '../../files/writeFile.ts';
import type { CompareRow } from '../../protocol/compareRow.ts';
import {
  COMPARISON_FILE,
  COMPARISON_SCHEMA_VERSION,
  type ComparisonTable,
} from '../../protocol/comparisonTable.ts';
import type { RunEventBody } from '../../protocol/runEvent.ts';
import { ComparisonPace } from './comparisonPace.ts';
import { readRow, titleOf, writeRow, type RowName } from './comparisonRows.ts';

/** What a table says before it has rows. */
export type ComparisonFacts = Omit<
  ComparisonTable,
  'schemaVersion' | 'updatedMs' | 'state' | 'total' | 'rows' | 'leftOut'
>;

/** Where a record is kept and who is told of it. */
export interface RecordOutlets {
  readonly folder: string;
  readonly tell: (event: RunEventBody) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * The table of a comparison as it grows: on disk whole after every row, so that whoever looks sees
 * where it stands, and told row by row.
 *
 * Rows stand in the order of the plan, whenever they were made, so that a comparison that was
 * interrupted ends in the same table.
 */
export class ComparisonRecord {
  readonly #facts: ComparisonFacts;
  readonly #plan: readonly RowName[];
  readonly #outlets: RecordOutlets;
  readonly #rows = new Map<string, CompareRow>();
  readonly #leftOut = new Map<string, string>();
  readonly #pace = new ComparisonPace();
  #state: ComparisonTable['state'] = 'running';
  #updatedMs: number;

  /** @param plan  every row in the order of the table, no two of one name */
  constructor(facts: ComparisonFacts, plan: readonly RowName[], outlets: RecordOutlets) {
    this.#facts = facts;
    this.#plan = plan;
    this.#outlets = outlets;
    this.#updatedMs = outlets.now();
  }

  /** The table as it is now. */
  get table(): ComparisonTable {
    const names = this.#plan.map((name) => ({ ...name, title: titleOf(name) }));
    return {
      ...{ schemaVersion: COMPARISON_SCHEMA_VERSION, ...this.#facts },
      ...{ updatedMs: this.#updatedMs, state: this.#state, total: names.length },
      rows: names.flatMap(({ title }) => this.#rows.get(title) ?? []),
      leftOut: names.flatMap(({ title, ...name }) => {
        const why = this.#leftOut.get(title);
        return why === undefined ? [] : { ...name, why };
      }),
    };
  }

  /** Takes the rows that are there already, writes the table and tells both. */
  begin(): void {
    const { folder, tell } = this.#outlets;
    for (const name of this.#plan) {
      const row = readRow(folder, name, this.#facts.seed);
      if (row === undefined) continue;
      this.#rows.set(titleOf(row), row);
      this.#pace.found(row);
    }
    this.#write();
    tell({ kind: 'comparisonStarted', folder, total: this.#plan.length });
    const found = [...this.#rows.values()];
    found.forEach((row, i) => {
      this.#tell(row, i + 1);
    });
  }

  /** True for a row that need not be made. */
  has(name: RowName): boolean {
    return this.#rows.has(titleOf(name));
  }

  /** Adds a row that was made. @param ms  all of the time it took */
  add(row: CompareRow, ms: number): void {
    writeRow(this.#outlets.folder, row);
    this.#rows.set(titleOf(row), row);
    this.#pace.made(row, ms);
    this.#write();
    this.#tell(row, this.#done);
  }

  /** Adds what does not go with the model or the pattern. */
  leaveOut(name: RowName, why: string): void {
    this.#leftOut.set(titleOf(name), why);
    this.#write();
    const text = `Left out: ${titleOf(name)}. ${why}`;
    this.#outlets.tell({ kind: 'log', level: 'info', text });
    this.#tell(null, this.#done);
  }

  /** Writes how it ended. */
  end(state: Exclude<ComparisonTable['state'], 'running'>): void {
    this.#state = state;
    this.#write();
  }

  get #done(): number {
    return this.#rows.size + this.#leftOut.size;
  }

  #tell(row: CompareRow | null, done: number): void {
    const open = this.#plan.filter(
      (name) => !this.#rows.has(titleOf(name)) && !this.#leftOut.has(titleOf(name)),
    );
    const etaMs = this.#pace.left(open);
    this.#outlets.tell({ kind: 'compared', row, done, total: this.#plan.length, etaMs });
  }

  #write(): void {
    this.#updatedMs = this.#outlets.now();
    replaceJson(insideFolder(this.#outlets.folder, COMPARISON_FILE), this.table);
  }
}

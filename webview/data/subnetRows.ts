import { perplexityValue } from '../../src/protocol/perplexity.ts';
import type { Candidate } from '../../src/dashboard/model/runModel.ts';
import {
  namedMasks,
  type NamedMask,
  type RunSnapshot,
} from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure, SubnetReport } from '../../src/protocol/runRecord.ts';

/** A subnet of a run with all that is known of it. */
export interface SubnetRow {
  readonly key: string;
  /** Null for a mask that was not judged by the search. */
  readonly candidate: Candidate | null;
  /** What the run calls it. */
  readonly names: readonly NamedMask[];
  /** Measured with the weights of the dense model. */
  readonly figure: Figure | null;
  /** Measured with reformed weights. */
  readonly reformed: Figure | null;
  readonly exports: number;
}

/** Every subnet a run knows, in the order they were judged; then those it only named. */
export function subnetRows(run: RunSnapshot): readonly SubnetRow[] {
  const names = new Map<string, NamedMask[]>();
  for (const name of namedMasks) {
    const key = run.masks[name];
    if (key !== undefined) names.set(key, [...(names.get(key) ?? []), name]);
  }
  const rows: SubnetRow[] = [];
  const met = new Set<string>();
  const add = (key: string, candidate: Candidate | null): void => {
    const { subnets } = run.model;
    const known = names.size > 0 || subnets[key] !== undefined;
    rows.push(known ? rowOf(run, key, candidate, names.get(key) ?? []) : plainRow(key, candidate));
  };
  for (const candidate of run.model.candidates) {
    met.add(candidate.key);
    add(candidate.key, candidate);
  }
  for (const key of [...names.keys(), ...Object.keys(run.model.subnets)]) {
    if (met.has(key)) continue;
    met.add(key);
    add(key, null);
  }
  return rows;
}

/** Everything that is known of one subnet. */
export function rowOf(
  run: RunSnapshot,
  key: string,
  candidate: Candidate | null,
  names: readonly NamedMask[],
): SubnetRow {
  const report: SubnetReport | undefined = run.model.subnets[key];
  const { figures, exports } = run.model;
  const named = names.map((name) => figures[name]).find((figure) => figure !== undefined);
  const searched = names.includes('searched');
  return {
    key,
    candidate,
    names,
    figure: report?.figure ?? named ?? null,
    reformed: report?.reformed ?? (searched ? (figures.reformed ?? null) : null),
    exports: (report?.exports.length ?? 0) + (searched ? exports.length : 0),
  };
}

/** The held-out perplexity of a subnet, of its reformed weights where there are any; null when none was evaluated. */
export function heldOutOf(row: SubnetRow): number | null {
  const figure = row.reformed ?? row.figure;
  return figure === null ? null : perplexityValue(figure.perplexity);
}

function plainRow(key: string, candidate: Candidate | null): SubnetRow {
  return { key, candidate, names: [], figure: null, reformed: null, exports: 0 };
}

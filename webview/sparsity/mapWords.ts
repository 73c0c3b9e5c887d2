import type { MapName, SparseMap } from '../../src/protocol/sparsityRecord.ts';
import { formatShare } from '../format.ts';

/** What a map is, for a heading or a hover. */
export const mapHelp: Readonly<Record<MapName, string>> = {
  q: 'queries',
  k: 'keys',
  v: 'values',
  o: 'output of the attention',
  gate: 'gate of the MLP',
  up: 'into the MLP',
  down: 'out of the MLP',
};

/** Weights that compete with each other: N of M neighbours, or a share of more than neighbours. */
export interface PatternParts {
  /** Cells of a group; 0 for a share. */
  readonly group: number;
  readonly keeps: number;
}

/** What a pattern's text means. */
export function patternParts(pattern: string): PatternParts {
  const parts = /^(\d{1,4}):(\d{1,4})$/.exec(pattern);
  if (parts === null) return { group: 0, keeps: 0 };
  return { group: Number(parts[2]), keeps: Number(parts[1]) };
}

/** Along which dimension weights competed, in words. */
export function alongWords(pattern: string, along: SparseMap['along']): string {
  const { group, keeps } = patternParts(pattern);
  const other = along === 'inputs' ? 'output' : 'input';
  return group > 0
    ? `${keeps} of ${group} neighbours along the ${along}, each ${other} by itself`
    : `${pattern} of zeros, compared along the ${along}`;
}

/** Whether hardware for 2:4 sparsity could run a weight as it is. */
export function hardwareWords(columns: number, crowded: number): string {
  if (columns % 4 !== 0) {
    return `Not in the form of 2:4 hardware: its inputs are no multiple of four.`;
  }
  if (crowded === 0) {
    return 'In the form of 2:4 hardware: every group of 4 along the inputs keeps at most 2.';
  }
  return `Not in the form of 2:4 hardware: more than 2 are kept in ${manyWords(crowded)} of its groups of 4 along the inputs.`;
}

/** An error as a share of what the map puts out, with enough digits to tell it from none. */
export function errorWords(share: number): string {
  return share > 0 && share < 0.0005 ? '<0.1%' : formatShare(share);
}

function manyWords(count: number): string {
  return count.toLocaleString('en-US');
}

import { type Attention, type Block, queriesPerKey } from '../model/block.ts';
import type { LayerMask } from '../model/subnet.ts';
import { keptHeads, type SlicedHead } from './slicedHeads.ts';

/** Kept key/value heads of one block that one batched product serves. */
export interface HeadGroup {
  readonly heads: readonly SlicedHead[];
  /** Rotary pairs of each head; 0 where the block does not rotate. */
  readonly pairs: number;
  /** Width of each head; one that keeps less is filled up with zeros when the model is loaded. */
  readonly qkDims: number;
  readonly voDims: number;
}

/**
 * Most zeros, as a share of what heads keep, that are worth one product instead of several: a node
 * costs microseconds whatever its size.
 */
const MOST_PADDING = 0.3;

/**
 * The kept heads of a block as one group where their sizes are close, else by equal sizes, larger
 * ones first.
 *
 * Heads may stand in any order as long as q, k, v and the rows of o agree on it, so the export
 * stores them in the order of these groups.
 */
export function headGroups(block: Block, mask: LayerMask): HeadGroup[] {
  const heads = keptHeads(block, mask);
  if (heads.length === 0) return [];
  const whole = groupOf(block, heads);
  const kept = heads.reduce((sum, { qkDims, voDims }) => sum + qkDims + voDims, 0);
  if (heads.length * (whole.qkDims + whole.voDims) <= (1 + MOST_PADDING) * kept) return [whole];
  const groups = new Map<string, SlicedHead[]>();
  for (const head of heads) {
    const key = `${head.pairs.length}:${head.singles}:${head.voDims}`;
    groups.set(key, [...(groups.get(key) ?? []), head]);
  }
  return [...groups.values()]
    .map((of) => groupOf(block, of))
    .sort((a, b) => b.qkDims - a.qkDims || b.voDims - a.voDims);
}

/**
 * A head that rotates is two halves, as in a forward pass: the pairs, and behind them what is not
 * rotated, one half of it in each, which turns by zero.
 */
function groupOf({ attention }: Block, heads: readonly SlicedHead[]): HeadGroup {
  const most = (size: (head: SlicedHead) => number): number => Math.max(...heads.map(size));
  const [pairs, singles] = [most((head) => head.pairs.length), most((head) => head.singles)];
  const half = pairs + Math.ceil(singles / 2);
  const qkDims = attention.rotary === null ? singles : 2 * half;
  return { heads, pairs, qkDims, voDims: most(({ voDims }) => voDims) };
}

/** Kept key/value heads in the order of their groups, in which the export stores them. */
export function headOrder(groups: readonly HeadGroup[]): number[] {
  return groups.flatMap(({ heads }) => heads.map(({ index }) => index));
}

/**
 * Where the stored rows of a map go when every head of a group is as wide as the group and what is
 * not rotated lies in both halves.
 * @returns  stored row of every padded row, −1 for zeros; null when all stay where they are
 */
export function spreadOf(
  { attention }: Block,
  groups: readonly HeadGroup[],
  map: 'q' | 'k' | 'v' | 'o',
): readonly number[] | null {
  const copies = map === 'q' || map === 'o' ? queriesPerKey(attention) : 1;
  const spread: number[] = [];
  let stored = 0;
  for (const group of groups) {
    for (const head of group.heads) {
      const runs =
        map === 'q' || map === 'k' ? queryKeyRuns(attention, group, head) : valueRuns(group, head);
      const own = map === 'q' || map === 'k' ? head.qkDims : head.voDims;
      for (let copy = 0; copy < copies; copy++, stored += own) {
        for (const { from, count, width } of runs) {
          for (let i = 0; i < width; i++) spread.push(i < count ? stored + from + i : -1);
        }
      }
    }
  }
  return spread.every((row, i) => row === i) ? null : spread;
}

/** Neighbouring rows of a stored head, and how many there are of them in a padded one. */
interface RowRun {
  readonly from: number;
  readonly count: number;
  readonly width: number;
}

/** Stored are the lower halves of the pairs, their upper halves, and what is not rotated. */
function queryKeyRuns({ rotary }: Attention, group: HeadGroup, head: SlicedHead): RowRun[] {
  if (rotary === null) return [{ from: 0, count: head.qkDims, width: group.qkDims }];
  const { singles } = head;
  const own = head.pairs.length;
  const room = group.qkDims / 2 - group.pairs;
  const first = Math.min(singles, room);
  return [
    { from: 0, count: own, width: group.pairs },
    { from: 2 * own, count: first, width: room },
    { from: own, count: own, width: group.pairs },
    { from: 2 * own + first, count: singles - first, width: room },
  ];
}

function valueRuns(group: HeadGroup, head: SlicedHead): RowRun[] {
  return [{ from: 0, count: head.voDims, width: group.voDims }];
}

/** Widths of a block's cache: ΣqkDims for keys, ΣvoDims for values. */
export function cacheWidths(groups: readonly HeadGroup[]): { key: number; value: number } {
  const sum = (size: (group: HeadGroup) => number): number =>
    groups.reduce((total, group) => total + group.heads.length * size(group), 0);
  return { key: sum(({ qkDims }) => qkDims), value: sum(({ voDims }) => voDims) };
}

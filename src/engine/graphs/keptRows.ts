import type { Linear } from '../checkpoint/modelWeights.ts';
import { type Attention, type Block, isOutputMap, type LinearName } from '../model/block.ts';
import { headParts, queryHeadsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';
import type { AttentionVariant } from './attentionGraph.ts';

/** Row index that stands for a row of zeros. */
export const ZERO_ROW = -1;

/**
 * The rows each attention weight keeps, in the padded layout that {@link attentionGraph} reads:
 * every head of the block has the same number of rows, missing ones are {@link ZERO_ROW}.
 */
export interface AttentionRows {
  /** [A·w] rows of q */
  readonly q: Int32Array;
  /** [G·w] rows of k */
  readonly k: Int32Array;
  /** [G·u] rows of v */
  readonly v: Int32Array;
  /** [A·u] rows of o */
  readonly o: Int32Array;
  /**
   * Pairs that a padded head turns: rotary ones, then those of dimensions that are not rotated, which
   * turn by zero; 0 where the block does not rotate.
   */
  readonly pairs: number;
}

/**
 * Lays out a mask for the attention graph: what {@link headParts} says of each head, each part filled
 * up to the longest of the block. A head that rotates is two halves, joined dimension by dimension:
 * the kept pairs, and behind them what is not rotated, one half of it in each.
 * @param variant  `fused` needs w = u, a multiple of 8
 * @throws RangeError for heads that are normalised and rotated in part, which no family has
 */
export function attentionRows(
  { attention }: Block,
  mask: LayerMask,
  variant: AttentionVariant,
): AttentionRows {
  const { qk, vo } = partWidths(attention, mask, variant);
  const fill = (map: 'q' | 'k' | 'v' | 'o', widths: readonly number[]): Int32Array => {
    const perHead = widths.reduce((sum, width) => sum + width, 0);
    const ofQueries = map === 'q' || map === 'o';
    const heads = ofQueries ? attention.heads : attention.kvHeads;
    const rows = new Int32Array(heads * perHead).fill(ZERO_ROW);
    mask.heads.forEach((kept, g) => {
      const parts = headParts(attention, map, kept);
      const laid = widths === qk && qk.length > 1 ? halvesOf(parts, qk[1]!) : parts;
      for (const head of ofQueries ? queryHeadsOf(attention, g) : [g]) {
        let at = head * perHead;
        laid.forEach((part, i) => {
          part.forEach((dim, j) => (rows[at + j] = head * attention.headDim + dim));
          at += widths[i]!;
        });
      }
    });
    return rows;
  };
  return {
    q: fill('q', qk),
    k: fill('k', qk),
    v: fill('v', vo),
    o: fill('o', vo),
    pairs: attention.rotary === null ? 0 : qk[0]! + qk[1]!,
  };
}

/**
 * The two halves of a head that rotates: pairs, then what is not rotated.
 * @param parts  lower and upper dimensions of the pairs, and what is not rotated where there is any
 * @param room  dimensions that are not rotated in the first half
 */
function halvesOf(parts: readonly Uint32Array[], room: number): readonly Uint32Array[] {
  const [lower, upper, still = new Uint32Array(0)] = parts;
  return [lower!, still.subarray(0, room), upper!, still.subarray(room)];
}

/** Padded widths of the parts of a head, of q and k and of v and o. */
function partWidths(
  attention: Attention,
  mask: LayerMask,
  variant: AttentionVariant,
): { readonly qk: readonly number[]; readonly vo: readonly number[] } {
  const longest = (map: 'q' | 'v', part: number): number =>
    Math.max(...mask.heads.map((kept) => headParts(attention, map, kept)[part]?.length ?? 0));
  // A head has at least one dimension, and at least one pair where it rotates.
  const first = Math.max(1, longest('q', 0));
  const vo = Math.max(1, longest('v', 0));
  const rotates = attention.rotary !== null;
  const still = rotates ? Math.ceil(longest('q', 2) / 2) : 0;
  if (attention.qkNorm !== null && still > 0) {
    throw new RangeError('Heads that are normalised and rotated in part cannot be computed.');
  }
  const sum = rotates ? 2 * (first + still) : first;
  const width = variant === 'fused' ? Math.ceil(Math.max(sum, vo) / 8) * 8 : 0;
  if (!rotates) return { qk: [Math.max(first, width)], vo: [Math.max(vo, width)] };
  // What is filled up goes to both halves alike.
  const half = Math.max(first + still, width / 2);
  return { qk: [first, half - first, first, half - first], vo: [Math.max(vo, width)] };
}

/**
 * Copies rows of a row-major matrix; a {@link ZERO_ROW} gives zeros. When the rows are one ascending
 * run the result is a view of `data` and nothing is copied, so the result must not be written to.
 * @param data  [n, width]
 * @param allocate  makes the array copied into, whose content may be arbitrary
 * @returns  [rows.length, width]
 */
export function gatherRows(
  data: Float32Array,
  width: number,
  rows: Int32Array | Uint32Array,
  allocate: (length: number) => Float32Array = (length) => new Float32Array(length),
): Float32Array {
  const count = rows.length;
  if (count > 0 && runEnd(rows, 0) === count && (rows[0] as number) !== ZERO_ROW) {
    const from = (rows[0] as number) * width;
    return data.subarray(from, from + count * width);
  }
  const out = allocate(count * width);
  for (let i = 0; i < count;) {
    const end = runEnd(rows, i);
    const from = rows[i] as number;
    if (from === ZERO_ROW) out.fill(0, i * width, end * width);
    else out.set(data.subarray(from * width, (from + end - i) * width), i * width);
    i = end;
  }
  return out;
}

/**
 * Kept rows of a linear map: what an export writes of it. The bias goes with the rows, but for o and
 * down, whose bias belongs to the residual stream.
 * @param rows  as `rowsOf` gives them
 * @returns  views of the map where its rows are one run; nothing may be written to
 */
export function sliceLinear(
  name: LinearName,
  { weight, bias }: Linear,
  hidden: number,
  rows: Uint32Array,
): Linear {
  return {
    weight: gatherRows(weight, hidden, rows),
    bias: bias === null || isOutputMap(name) ? bias : gatherRows(bias, 1, rows),
  };
}

/**
 * The tapped context without the columns that pad a head.
 * @param inner  [N, padded]
 * @param layout  what each column is, [padded]
 * @returns  [N, A·D]; the same array when there is no padding
 */
export function withoutPadding(inner: Float32Array, layout: Int32Array): Float32Array {
  if (!layout.includes(ZERO_ROW)) return inner;
  const columns = [...layout.keys()].filter((i) => layout[i] !== ZERO_ROW);
  const rows = inner.length / layout.length;
  const out = new Float32Array(rows * columns.length);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const column of columns) out[at++] = inner[row * layout.length + column]!;
  }
  return out;
}

/** First index after the run of consecutive rows (or of zero rows) that starts at `start`. */
function runEnd(rows: Int32Array | Uint32Array, start: number): number {
  const step = (rows[start] as number) === ZERO_ROW ? 0 : 1;
  let end = start + 1;
  while (end < rows.length && rows[end] === (rows[end - 1] as number) + step) end++;
  return end;
}

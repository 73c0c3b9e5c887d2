import { groupSize, type ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerMask } from '../subnet/subnet.ts';
import type { AttentionVariant } from './attentionGraph.ts';

/** Row index that stands for a row of zeros. */
export const ZERO_ROW = -1;

/**
 * The rows each attention weight keeps, in the padded layout that {@link attentionGraph} reads:
 * every head of the layer has the same number of rows, missing ones are {@link ZERO_ROW}.
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
  /** w: padded q/k dimensions of a head */
  readonly qkWidth: number;
  /** u: padded v dimensions of a head */
  readonly voWidth: number;
}

/**
 * Lays out a mask for the attention graph.
 * @param variant  `fused` needs w = u, a multiple of 8
 */
export function attentionRows(
  shape: ModelShape,
  mask: LayerMask,
  variant: AttentionVariant,
): AttentionRows {
  const rope = shape.positions.kind === 'rope';
  const units = Math.max(1, ...mask.heads.map((head) => head.qk.length));
  let qkWidth = rope ? 2 * units : units;
  let voWidth = Math.max(1, ...mask.heads.map((head) => head.vo.length));
  if (variant === 'fused') {
    qkWidth = Math.ceil(Math.max(qkWidth, voWidth) / 8) * 8;
    voWidth = qkWidth;
  }
  const group = groupSize(shape);
  const half = rope ? qkWidth / 2 : 0;
  const fillQk = (rows: Int32Array, at: number, head: number, kept: Uint32Array): void => {
    kept.forEach((unit, i) => {
      rows[at + i] = head * shape.headDim + unit;
      if (rope) rows[at + half + i] = head * shape.headDim + shape.headDim / 2 + unit;
    });
  };
  const fillVo = (rows: Int32Array, at: number, head: number, kept: Uint32Array): void => {
    kept.forEach((unit, i) => (rows[at + i] = head * shape.headDim + unit));
  };
  const empty = (count: number): Int32Array => new Int32Array(count).fill(ZERO_ROW);
  const q = empty(shape.heads * qkWidth);
  const k = empty(shape.kvHeads * qkWidth);
  const v = empty(shape.kvHeads * voWidth);
  const o = empty(shape.heads * voWidth);
  mask.heads.forEach((head, g) => {
    fillQk(k, g * qkWidth, g, head.qk);
    fillVo(v, g * voWidth, g, head.vo);
    for (let i = g * group; i < (g + 1) * group; i++) {
      fillQk(q, i * qkWidth, i, head.qk);
      fillVo(o, i * voWidth, i, head.vo);
    }
  });
  return { q, k, v, o, qkWidth, voWidth };
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

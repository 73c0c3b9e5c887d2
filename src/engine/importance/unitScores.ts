import { type Attention, qkUnitCount, queriesPerKey } from '../model/block.ts';
import { unitDims } from '../model/rows.ts';
import type { LayerScores } from '../model/subnet.ts';
import type { LinearScores } from './linearScores.ts';

/**
 * Scores of the prunable units of a block: sums over all rows that a unit keeps or drops.
 *
 * A query/key unit is, for one key/value head, its rows in k and in every query head of the group:
 * both halves of a frequency pair under RoPE, one dimension otherwise. A value/output unit is one
 * row of v and the row of o of every query head of the group. A neuron is its row in gate, up and
 * down.
 *
 * Deviation: the paper scores one shared mask of q, k, v and o; index i of q/k and of v/o are
 * unrelated coordinates, so they are scored apart; a search of tied masks adds them up again.
 * @source METHODS sections 1.1 and 2
 */
export function unitScores(rows: LinearScores, attention: Attention): LayerScores {
  const heads = Array.from({ length: attention.kvHeads }, (_, head) => head);
  return {
    qk: heads.map((head) => qkScores(rows, attention, head)),
    vo: heads.map((head) => voScores(rows, attention, head)),
    mlp: rows.up.map((score, i) => score + rows.down[i]! + (rows.gate?.[i] ?? 0)),
  };
}

function qkScores(rows: LinearScores, attention: Attention, head: number): Float64Array {
  return Float64Array.from({ length: qkUnitCount(attention) }, (_, unit) => {
    let sum = 0;
    for (const dim of unitDims(attention, Uint32Array.of(unit))) {
      sum += rows.k[head * attention.headDim + dim]! + groupSum(rows.q, attention, head, dim);
    }
    return sum;
  });
}

function voScores(rows: LinearScores, attention: Attention, head: number): Float64Array {
  const { headDim } = attention;
  return Float64Array.from(
    { length: headDim },
    (_, dim) => rows.v[head * headDim + dim]! + groupSum(rows.o, attention, head, dim),
  );
}

/** Σ over the query heads that share key/value head `head` of their row `dim`. */
export function groupSum(
  rows: Float64Array,
  attention: Attention,
  head: number,
  dim: number,
): number {
  const group = queriesPerKey(attention);
  let sum = 0;
  for (let member = 0; member < group; member++) {
    sum += rows[(head * group + member) * attention.headDim + dim]!;
  }
  return sum;
}

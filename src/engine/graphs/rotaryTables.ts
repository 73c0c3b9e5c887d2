import { type Attention, frequenciesOf, queriesPerKey, type Rotary } from '../model/block.ts';
import { type Tensor, tensorOf } from '../runtime/runtime.ts';
import { pairsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';

/**
 * Rotation tables of one layer mask for sequences of one length.
 *
 * Key/value head g owns rows g·T … g·T+T−1; row t holds cos (sin) of t·θ for its kept pairs, at
 * their ORIGINAL frequencies, then 1 (0) for what is not rotated or fills up. The tables have A·T rows
 * because the operator wants at least one row per position of the longest sequence it rotates (the
 * queries').
 */
export interface RotaryTables {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/**
 * Makes rotation tables, computing each angle once per sequence length. Blocks one after the other that
 * keep the same pairs, as those of a dense model do, are given the same tables.
 */
export class RotaryTableMaker {
  readonly #attention: Attention;
  readonly #rotary: Rotary;
  #time = -1;
  #cos = new Float32Array(0);
  #sin = new Float32Array(0);
  readonly #positions = new Map<string, Tensor>();
  /** The tables made last, and what they were made of. */
  #last: { readonly key: string; readonly tables: RotaryTables } | null = null;

  /** @param rotary  the attention's own */
  constructor(attention: Attention, rotary: Rotary) {
    this.#attention = attention;
    this.#rotary = rotary;
  }

  /**
   * @param pairs  pairs that a padded head turns, w/2
   * @param time  tokens of a sequence, T
   * @returns  two tables [A·T, w/2]; may be those of another mask, not to be written to
   */
  tables(mask: LayerMask, pairs: number, time: number): RotaryTables {
    const kept = mask.heads.map((head) => pairsOf(this.#attention, head));
    const key = `${time}:${pairs}:${kept.join(';')}`;
    if (this.#last?.key !== key) this.#last = { key, tables: this.#make(kept, pairs, time) };
    return this.#last.tables;
  }

  #make(kept: readonly Uint32Array[], pairs: number, time: number): RotaryTables {
    this.#prepare(time);
    const { heads } = this.#attention;
    const half = this.#rotary.inverseFrequencies.length;
    const cos = new Float32Array(heads * time * pairs).fill(1);
    const sin = new Float32Array(heads * time * pairs);
    kept.forEach((qk, g) => {
      for (let t = 0; t < time; t++) {
        const row = (g * time + t) * pairs;
        for (let i = 0; i < qk.length; i++) {
          const from = t * half + (qk[i] as number);
          cos[row + i] = this.#cos[from] as number;
          sin[row + i] = this.#sin[from] as number;
        }
      }
    });
    const dims = [heads * time, pairs];
    return { cos: tensorOf(cos, dims), sin: tensorOf(sin, dims) };
  }

  /**
   * The table row of every (token, head).
   * @param heads  A for queries, G for keys
   * @returns  int64 [B, T·heads]
   */
  positions(batch: number, time: number, heads: number): Tensor {
    const key = `${batch}:${time}:${heads}`;
    let tensor = this.#positions.get(key);
    if (tensor === undefined) {
      const group = heads === this.#attention.kvHeads ? 1 : queriesPerKey(this.#attention);
      const rows = new BigInt64Array(batch * time * heads);
      rows.forEach((_, at) => {
        const t = Math.floor(at / heads) % time;
        rows[at] = BigInt(Math.floor((at % heads) / group) * time + t);
      });
      tensor = tensorOf(rows, [batch, time * heads]);
      this.#positions.set(key, tensor);
    }
    return tensor;
  }

  #prepare(time: number): void {
    if (time === this.#time) return;
    const { attentionFactor } = this.#rotary;
    const frequencies = frequenciesOf(this.#rotary, time);
    const half = frequencies.length;
    this.#time = time;
    this.#positions.clear();
    this.#cos = new Float32Array(time * half);
    this.#sin = new Float32Array(time * half);
    const tables = { cos: this.#cos, sin: this.#sin };
    for (let t = 0; t < time; t++) {
      writeTurns(tables, t * half, { frequencies, position: t, factor: attentionFactor });
    }
  }
}

/**
 * Writes cos and sin of a position's angles, one for each pair.
 * @param tables  float32, worked out in float64
 * @param at  place of the first pair's
 * @param turns.frequencies  [P], radians per position
 * @param turns.factor  on cos and sin
 */
export function writeTurns(
  { cos, sin }: { readonly cos: Float32Array; readonly sin: Float32Array },
  at: number,
  turns: {
    readonly frequencies: Float64Array;
    readonly position: number;
    readonly factor: number;
  },
): void {
  const { frequencies, position, factor } = turns;
  for (let i = 0; i < frequencies.length; i++) {
    const angle = position * (frequencies[i] as number);
    cos[at + i] = factor * Math.cos(angle);
    sin[at + i] = factor * Math.sin(angle);
  }
}

import type { Attention, Rotary } from '../model/block.ts';
import { type Tensor, tensorOf } from '../runtime/runtime.ts';
import type { AttentionVariant } from './attentionGraph.ts';
import { causalMask } from './attentionVariant.ts';
import { RotaryTableMaker } from './rotaryTables.ts';
import type { Feeds } from './sublayerFeeds.ts';

/** Feeds of attention that depend on places in a text and not on weights, each made once. */
export class PlaceFeeds {
  readonly #rotary = new Map<Rotary, RotaryTableMaker>();
  readonly #constants = new Map<string, Tensor>();

  /**
   * Positions, and the causal mask or its lengths.
   * @param x  a state, [B, T, H]
   */
  of(attention: Attention, x: Tensor, variant: AttentionVariant): Feeds {
    const [batch, time] = x.dims as [number, number];
    const feeds: Feeds = {};
    const tables = this.tables(attention);
    if (tables !== null) {
      feeds['q_positions'] = tables.positions(batch, time, attention.heads);
      feeds['k_positions'] = tables.positions(batch, time, attention.kvHeads);
    }
    if (variant !== 'fused') {
      const reach = Math.min(time, attention.window ?? time);
      feeds['causal'] = this.#constant(`causal:${time}:${reach}`, () => causalMask(time, reach));
    } else {
      feeds['last_index'] = this.#constant(`last:${batch}:${time}`, () =>
        tensorOf(new Int32Array(batch).fill(time - 1), [batch]),
      );
      feeds['total_length'] = this.#constant(`total:${time}`, () =>
        tensorOf(Int32Array.of(time), [1]),
      );
    }
    return feeds;
  }

  /** The tables of a block's rotation, which blocks that turn alike share; null without one. */
  tables(attention: Attention): RotaryTableMaker | null {
    const { rotary } = attention;
    if (rotary === null) return null;
    const known = this.#rotary.get(rotary) ?? new RotaryTableMaker(attention, rotary);
    this.#rotary.set(rotary, known);
    return known;
  }

  #constant(key: string, make: () => Tensor): Tensor {
    let tensor = this.#constants.get(key);
    if (tensor === undefined) {
      tensor = make();
      this.#constants.set(key, tensor);
    }
    return tensor;
  }
}

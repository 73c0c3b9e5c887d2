import { MASKED } from '../graphs/emit.ts';
import { type Attention, qkUnitsOf, type Rotary } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import { RotaryEmitter } from './decoderRotary.ts';
import type { WeightPlan } from './weightPlan.ts';

/**
 * What the parts of a decoder graph share: sizes known only at run time, the causal mask and rotation
 * tables.
 *
 * Shared values are emitted on first use, because what no node reads may not be declared.
 */
export class DecoderContext {
  readonly graph: GraphBuilder;
  readonly shape: ModelShape;
  readonly #plan: WeightPlan;
  readonly #ids: Value;
  readonly #once = new Map<string, Value>();
  #firstPast: Value | undefined;
  readonly #rotary = new Map<Rotary, RotaryEmitter>();

  /** @param ids  token ids, int64 [B, T] */
  constructor(graph: GraphBuilder, plan: WeightPlan, shape: ModelShape, ids: Value) {
    this.graph = graph;
    this.shape = shape;
    this.#plan = plan;
    this.#ids = ids;
  }

  /** The shape [B, T, ...rest] as a tensor. */
  dims(...rest: readonly number[]): Value {
    return this.#memo(`dims:${rest.join()}`, () =>
      this.graph.op('Concat', [this.#idsShape(), this.graph.ints(rest)], { axis: 0n }),
    );
  }

  /** The shape [B, ...rest] as a tensor. */
  batchDims(...rest: readonly number[]): Value {
    const batch = this.#memo('batch', () =>
      this.graph.op('Slice', [this.#idsShape(), this.graph.ints([0]), this.graph.ints([1])]),
    );
    return this.#memo(`batchDims:${rest.join()}`, () =>
      this.graph.op('Concat', [batch, this.graph.ints(rest)], { axis: 0n }),
    );
  }

  /** Declares a block's cache input [B, P, width]. */
  past(layer: number, kind: 'key' | 'value', width: number): Value {
    return this.graph.input(`past_${layer}_${kind}`, 'float32', ['batch', 'past', width]);
  }

  /**
   * Says which cache the past length is read from; without any, it becomes an input of its own.
   */
  readPastFrom(cache: Value): void {
    this.#firstPast ??= cache;
  }

  /** Positions of this step's tokens, int64 [T]: past length + index. */
  positions(): Value {
    return this.#memo('positions', () =>
      this.graph.op('Range', [this.#past(), this.#total(), this.graph.ints(1)]),
    );
  }

  /**
   * Additive causal mask [T, S]: 0 where a token may look, a large negative number elsewhere.
   * @param window  tokens it sees, itself included; null for all before it
   */
  causal(window: number | null = null): Value {
    return this.#memo(`causal:${window}`, () => {
      const { graph } = this;
      const float = (value: Value): Value => graph.op('Cast', [value], { to: 1n });
      const keys = float(graph.op('Range', [graph.ints(0), this.#total(), graph.ints(1)]));
      const queries = graph.op('Reshape', [float(this.positions()), graph.ints([-1, 1])]);
      // How far a key lies ahead of a query, cut to 0 … 1: no comparison operator is needed.
      const ahead = graph.op('Sub', [keys, queries]);
      const cut = (value: Value): Value =>
        graph.op('Clip', [value, graph.floats(0), graph.floats(1)]);
      const later = cut(ahead);
      if (window === null) return graph.op('Mul', [later, graph.floats(MASKED)]);
      // As far behind as the window is long, or farther.
      const behind = graph.op('Sub', [graph.floats(1 - window), ahead]);
      return graph.op('Mul', [graph.op('Add', [later, cut(behind)]), graph.floats(MASKED)]);
    });
  }

  /** Rotation tables of blocks that turn alike; null for those that do not turn at all. */
  rotary(attention: Attention): RotaryEmitter | null {
    const { rotary } = attention;
    if (rotary?.inverseFrequencies.some((frequency) => frequency !== 0) !== true) return null;
    let emitter = this.#rotary.get(rotary);
    if (emitter === undefined) {
      const name = this.#rotary.size === 0 ? 'rope' : `rope${this.#rotary.size}`;
      const { maxPositions } = this.shape;
      const tables = { name, rotary, maxPositions, still: qkUnitsOf(attention).singles > 0 };
      const total = (): Value => this.#total();
      emitter = new RotaryEmitter(this.graph, this.#plan, tables, this.positions(), total);
      this.#rotary.set(rotary, emitter);
    }
    return emitter;
  }

  #idsShape(): Value {
    return this.#memo('idsShape', () => this.graph.op('Shape', [this.#ids]));
  }

  /** Past length P, a scalar. */
  #past(): Value {
    return this.#memo('past', () => {
      const { graph } = this;
      if (this.#firstPast === undefined) {
        const length = graph.input('past_length', 'int64', [1]);
        return graph.op('Gather', [length, graph.ints(0)], { axis: 0n });
      }
      const shape = graph.op('Shape', [this.#firstPast]);
      return graph.op('Gather', [shape, graph.ints(1)], { axis: 0n });
    });
  }

  /** Total length S = P + T, a scalar. */
  #total(): Value {
    return this.#memo('total', () => {
      const time = this.graph.op('Gather', [this.#idsShape(), this.graph.ints(1)], { axis: 0n });
      return this.graph.op('Add', [this.#past(), time]);
    });
  }

  #memo(key: string, make: () => Value): Value {
    let value = this.#once.get(key);
    if (value === undefined) {
      value = make();
      this.#once.set(key, value);
    }
    return value;
  }
}

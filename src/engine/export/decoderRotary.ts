import { writeTurns } from '../graphs/rotaryTables.ts';
import type { Rotary } from '../model/block.ts';
import type { GraphBuilder, Value } from '../onnx/graphBuilder.ts';
import type { SlicedHead } from './slicedHeads.ts';
import type { WeightPlan } from './weightPlan.ts';

/** Rotation tables of a group of heads. */
export interface GroupTables {
  /** [T·rowsPerToken, u]: cosines of the group's kept pairs. */
  readonly cos: Value;
  readonly sin: Value;
  /** 1 when all heads keep the same pairs, else the number of key/value heads. */
  readonly rowsPerToken: number;
}

/** What a {@link RotaryEmitter} makes tables of. */
export interface RotaryTablesWanted {
  /** Before the names of the tables' parts. */
  readonly name: string;
  readonly rotary: Rotary;
  readonly maxPositions: number;
  /** True where heads have dimensions that are not rotated. */
  readonly still: boolean;
}

/** Positions in the finer of the two tables. */
const BLOCK = 256;

/**
 * Emits rotation tables at the ORIGINAL frequencies of the kept pairs (METHODS section 2).
 *
 * Position p = 256·a + b. The model holds cos and sin of 256·a·θ and of b·θ, and the graph adds the
 * angles: cos(x + y) = cos x · cos y − sin x · sin y. That stores next to nothing, and unlike
 * cos(p·θ) in float32 its error does not grow with the position.
 */
export class RotaryEmitter {
  readonly #graph: GraphBuilder;
  /** Columns of the tables: the pairs, and one that turns by zero where a head has such dimensions. */
  readonly #columns: number;
  readonly #cos: Value;
  readonly #sin: Value;
  readonly #known = new Map<string, GroupTables>();

  /**
   * @param positions  int64 [T]
   * @param total  tokens of the text so far, int64 scalar
   */
  constructor(
    graph: GraphBuilder,
    plan: WeightPlan,
    tables: RotaryTablesWanted,
    positions: Value,
    total: () => Value,
  ) {
    const { name: tableName, rotary, maxPositions } = tables;
    const { long } = rotary;
    this.#graph = graph;
    this.#columns = rotary.inverseFrequencies.length + (tables.still ? 1 : 0);
    const blocks = Math.ceil(maxPositions / BLOCK);
    const coarse = graph.op('Div', [positions, graph.ints(BLOCK)]);
    const fine = graph.op('Sub', [positions, graph.op('Mul', [coarse, graph.ints(BLOCK)])]);
    // 1 in texts that are long, else 0: those have rows of their own behind the others.
    const isLong =
      long === undefined
        ? null
        : graph.op('Min', [graph.op('Div', [total(), graph.ints(long.beyond + 1)]), graph.ints(1)]);
    const pick = (name: string, rows: number, step: number, place: Value): [Value, Value] => {
      const parts = [rotary, ...(long === undefined ? [] : [long])];
      const dims = [parts.length * rows, this.#columns];
      const at =
        isLong === null
          ? place
          : graph.op('Add', [place, graph.op('Mul', [isLong, graph.ints(rows)])]);
      const [cos, sin] = angles(tables, parts, rows, step);
      return [
        graph.op('Gather', [plan.table(`${tableName}.${name}.cos`, dims, cos), at], { axis: 0n }),
        graph.op('Gather', [plan.table(`${tableName}.${name}.sin`, dims, sin), at], { axis: 0n }),
      ];
    };
    const [cosA, sinA] = pick('coarse', blocks, BLOCK, coarse);
    const [cosB, sinB] = pick('fine', BLOCK, 1, fine);
    const times = (a: Value, b: Value): Value => graph.op('Mul', [a, b]);
    this.#cos = graph.op('Sub', [times(cosA, cosB), times(sinA, sinB)]);
    this.#sin = graph.op('Add', [times(sinA, cosB), times(cosA, sinB)]);
  }

  /**
   * Tables of heads, filled up to `room` pairs each (what rotates a zero does not matter), then
   * turning by zero up to `width`; equal ones are emitted once for all layers.
   * @param room  rotary pairs of each head
   */
  tables(
    { heads, pairs: room }: { readonly heads: readonly SlicedHead[]; readonly pairs: number },
    width: number,
  ): GroupTables {
    const still = this.#columns - 1;
    const filled = heads.map(({ pairs }) =>
      Array.from({ length: width }, (_, i) => (i < room ? (pairs[i] ?? 0) : still)),
    );
    const rowsPerToken = new Set(filled.map((pairs) => pairs.join())).size === 1 ? 1 : heads.length;
    const pairs = filled.slice(0, rowsPerToken).flat();
    const key = `${rowsPerToken}:${pairs.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const select = (table: Value): Value => {
      // Two heads that keep one half of the pairs each list all of them too, but in rows of their own.
      const whole =
        rowsPerToken === 1 &&
        pairs.length === this.#columns &&
        pairs.every((pair, i) => pair === i);
      if (whole) return table;
      const kept = this.#graph.op('Gather', [table, this.#graph.ints(pairs)], { axis: 1n });
      if (rowsPerToken === 1) return kept;
      return this.#graph.op('Reshape', [kept, this.#graph.ints([-1, pairs.length / rowsPerToken])]);
    };
    const made = { cos: select(this.#cos), sin: select(this.#sin), rowsPerToken };
    this.#known.set(key, made);
    return made;
  }
}

/**
 * cos and sin of row·step·θ for every column, in float64.
 * @param parts  frequencies, [P] each
 * @returns  [rows of each part in turn, columns]
 */
function angles(
  { rotary, still }: RotaryTablesWanted,
  parts: readonly Pick<Rotary, 'inverseFrequencies'>[],
  rows: number,
  step: number,
): [cos: Float32Array, sin: Float32Array] {
  const columns = rotary.inverseFrequencies.length + (still ? 1 : 0);
  // The factor multiplies the sum's cos and sin once, so only one of the two tables carries it.
  const factor = step === 1 ? 1 : rotary.attentionFactor;
  const cos = new Float32Array(parts.length * rows * columns).fill(1);
  const sin = new Float32Array(parts.length * rows * columns);
  for (const [part, { inverseFrequencies: frequencies }] of parts.entries()) {
    for (let row = 0; row < rows; row++) {
      const turns = { frequencies, position: row * step, factor };
      writeTurns({ cos, sin }, (part * rows + row) * columns, turns);
    }
  }
  return [cos, sin];
}

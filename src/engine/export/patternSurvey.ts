/** The pattern of zeros found in maps of one kind, as they are written. */
export interface FoundPattern {
  /** `N:M`, or `unstructured` where none holds whose groups are nearly full. */
  readonly pattern: string;
  /** The dimension whose neighbours form the groups; null for `unstructured`. */
  readonly along: 'inputs' | 'outputs' | null;
  /** True when the pattern holds along the inputs, over which a product sums: N:M kernels need that. */
  readonly holdsAlongInputs: boolean;
  /** Share of the weights that are not zero, 0 to 1. */
  readonly nonzeroFraction: number;
  /** True when inputs are whole groups of four, none with more than two weights that are not zero. */
  readonly twoOfFour: boolean;
}

/** Group lengths that are looked at. Others, e.g. 3:5, are told as `unstructured`. */
const GROUPS = [2, 4, 8, 16, 32] as const;

/** Least share of its N that an average group holds, for N:M to be called the pattern. */
const NEARLY_FULL = 0.9;

/** Number of weights in the fullest group of each length, a last short group included. */
type Fullest = number[];

/**
 * Looks for the N:M pattern that weights obey, by counting: nothing is taken on trust from how they
 * were made.
 */
export class PatternSurvey {
  readonly #inputs: Fullest = GROUPS.map(() => 0);
  readonly #outputs: Fullest = GROUPS.map(() => 0);
  #kept = 0;
  #size = 0;
  #wholeGroups = true;
  #least = { inputs: Infinity, outputs: Infinity };

  /**
   * Counts one map in.
   * @param values  [outputs, inputs], row-major, as stored
   */
  add(values: Float32Array, outputs: number, inputs: number): void {
    const downwards = new ColumnGroups(inputs);
    const counts = new Uint8Array(inputs);
    for (let row = 0; row < outputs; row++) {
      let kept = 0;
      for (let c = 0; c < inputs; c++) {
        const flag = values[row * inputs + c] === 0 ? 0 : 1;
        counts[c] = flag;
        kept += flag;
      }
      this.#kept += kept;
      downwards.add(counts);
      foldRow(counts, inputs, this.#inputs);
    }
    downwards.into(this.#outputs);
    this.#size += values.length;
    this.#wholeGroups &&= inputs % 4 === 0;
    const { inputs: narrowest, outputs: shortest } = this.#least;
    this.#least = {
      inputs: Math.min(narrowest, inputs),
      outputs: Math.min(shortest, outputs),
    };
  }

  /** What all maps counted so far have in common. */
  get found(): FoundPattern {
    const nonzeroFraction = this.#size === 0 ? 0 : this.#kept / this.#size;
    const { inputs: narrowest, outputs: shortest } = this.#least;
    const inputs = tightest(this.#inputs, nonzeroFraction, narrowest);
    const outputs = inputs ?? tightest(this.#outputs, nonzeroFraction, shortest);
    return {
      pattern: outputs ?? 'unstructured',
      along: inputs !== null ? 'inputs' : outputs !== null ? 'outputs' : null,
      holdsAlongInputs: inputs !== null,
      nonzeroFraction,
      twoOfFour: this.#wholeGroups && this.#inputs[1]! <= 2,
    };
  }
}

/** Counts of groups down the columns of a matrix that is seen row by row. */
class ColumnGroups {
  readonly #sums: readonly Uint8Array[];
  readonly #fullest: Fullest = GROUPS.map(() => 0);
  #seen = 0;

  constructor(columns: number) {
    this.#sums = GROUPS.map(() => new Uint8Array(columns));
  }

  add(flags: Uint8Array): void {
    this.#seen++;
    let addend = flags;
    for (const [level, length] of GROUPS.entries()) {
      const sums = this.#sums[level]!;
      for (let c = 0; c < sums.length; c++) sums[c]! += addend[c]!;
      // A full group goes into the next longer one, like a carry.
      if (level > 0) addend.fill(0);
      if (this.#seen % length !== 0) return;
      this.#fullest[level] = largest(sums, sums.length, this.#fullest[level]!);
      addend = sums;
    }
    addend.fill(0);
  }

  /** Ends the last groups, short or not, and tells the fullest ones. */
  into(fullest: Fullest): void {
    for (const [level, sums] of this.#sums.entries()) {
      const below = this.#sums[level - 1];
      if (below !== undefined) for (let c = 0; c < sums.length; c++) sums[c]! += below[c]!;
      const most = largest(sums, sums.length, this.#fullest[level]!);
      fullest[level] = Math.max(fullest[level]!, most);
    }
  }
}

/** Folds a row of flags into counts of ever longer groups; uses up `counts`. */
function foldRow(counts: Uint8Array, columns: number, fullest: Fullest): void {
  let groups = columns;
  for (const level of GROUPS.keys()) {
    const pairs = groups >> 1;
    for (let g = 0; g < pairs; g++) counts[g] = counts[2 * g]! + counts[2 * g + 1]!;
    if (groups % 2 === 1) counts[pairs] = counts[groups - 1]!;
    groups = Math.ceil(groups / 2);
    fullest[level] = largest(counts, groups, fullest[level]!);
  }
}

function largest(counts: Uint8Array, length: number, least: number): number {
  let max = least;
  for (let i = 0; i < length; i++) if (counts[i]! > max) max = counts[i]!;
  return max;
}

/** The shortest pattern whose groups are nearly full; 2:4 counts however empty its groups are. */
function tightest(fullest: Fullest, fraction: number, dimension: number): string | null {
  for (const [level, m] of GROUPS.entries()) {
    const n = fullest[level]!;
    // One group is no pattern.
    if (n === 0 || n >= m || 2 * m > dimension) continue;
    if (fraction >= (NEARLY_FULL * n) / m) return `${n}:${m}`;
    if (m === 4 && n <= 2) return '2:4';
  }
  return null;
}

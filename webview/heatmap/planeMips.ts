/** A plane of bits. */
export interface BitPlane {
  readonly rows: number;
  readonly columns: number;
  /** [rows × ceil(columns / 8)], lowest bit first. */
  readonly bits: Uint8Array;
}

/** Shares of set bits in squares of one size. */
export interface PlaneLevel {
  readonly rows: number;
  readonly columns: number;
  /** [rows × columns], 0 = none set, 255 = all. */
  readonly shares: Uint8Array;
}

/**
 * A plane of bits in smaller and smaller copies. Levels 0 and 1 are read from the bits, since copies of
 * them would take more memory than they save time.
 */
export interface PlaneMips {
  readonly plane: BitPlane;
  /** Level k holds squares of 2^k × 2^k bits, from level {@link FIRST_COPY}; empty until it is built. */
  readonly levels: readonly (PlaneLevel | undefined)[];
  /** Groups of four bits along a row of which more than two are set. */
  readonly crowded: () => number;
  /** Works until a moment of `performance.now()`. @returns true when all is built */
  build(until: number): boolean;
}

/** First level that is a copy. */
export const FIRST_COPY = 2;

/** Rows of the first copy that are built between two looks at the clock. */
const ROWS_AT_ONCE = 16;

/** Prepares the copies of a plane; nothing is computed before `build` is called. */
export function planeMips(plane: BitPlane): PlaneMips {
  const levels: (PlaneLevel | undefined)[] = [];
  let crowded = 0;
  const steps = buildSteps(plane, levels, (more) => {
    crowded += more;
  });
  let done = false;
  return {
    plane,
    levels,
    crowded: () => crowded,
    build(until) {
      while (!done && performance.now() < until) done = steps.next().done === true;
      return done;
    },
  };
}

/** The bit of a cell. */
export function bitOf({ columns, bits }: BitPlane, row: number, column: number): boolean {
  return ((bits[row * Math.ceil(columns / 8) + (column >> 3)]! >> (column & 7)) & 1) === 1;
}

/** Set bits of a rectangle; what lies outside the plane is left out. */
export function countWithin(
  plane: BitPlane,
  rect: {
    readonly row: number;
    readonly column: number;
    readonly rows: number;
    readonly columns: number;
  },
): { readonly set: number; readonly of: number } {
  const bottom = Math.min(plane.rows, rect.row + rect.rows);
  const right = Math.min(plane.columns, rect.column + rect.columns);
  let set = 0;
  for (let row = rect.row; row < bottom; row++) {
    for (let column = rect.column; column < right; column++) {
      if (bitOf(plane, row, column)) set++;
    }
  }
  return { set, of: Math.max(0, bottom - rect.row) * Math.max(0, right - rect.column) };
}

/**
 * The shares of one row of squares of 2 × 2 bits, or of some of it.
 * @param into  [ceil(columns / 2)]; written between `from` and `to`
 */
export function secondLevelRow(
  { rows, columns, bits }: BitPlane,
  row: number,
  into: Uint8Array,
  from = 0,
  to = into.length,
): void {
  const stride = Math.ceil(columns / 8);
  const upper = 2 * row * stride;
  const lower = 2 * row + 1 < rows ? upper + stride : -1;
  const height = lower < 0 ? 1 : 2;
  const end = Math.min(to, Math.ceil(columns / 2));
  for (let c = from; c < end; c++) {
    const [at, shift] = [c >> 2, (c & 3) * 2];
    const width = 2 * c + 1 < columns ? 2 : 1;
    // What a file holds behind the last column is nothing.
    const both = width === 2 ? 3 : 1;
    const above = (bits[upper + at]! >> shift) & both;
    const below = lower < 0 ? 0 : (bits[lower + at]! >> shift) & both;
    const ones = (above & 1) + (above >> 1) + (below & 1) + (below >> 1);
    into[c] = Math.round((255 * ones) / (width * height));
  }
}

/** Set bits of both halves of a byte: the lower in the lower eight bits. */
const HALVES = Uint16Array.from({ length: 256 }, (_, byte) => {
  const ones = (bits: number): number =>
    (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1) + ((bits >> 3) & 1);
  return ones(byte & 15) | (ones(byte >> 4) << 8);
});
/** Halves of a byte with more than two set bits. */
const CROWDED = Uint8Array.from(HALVES, (halves) =>
  [halves & 255, halves >> 8].reduce((sum, ones) => sum + (ones > 2 ? 1 : 0), 0),
);

function* buildSteps(
  plane: BitPlane,
  levels: (PlaneLevel | undefined)[],
  onCrowded: (groups: number) => void,
): Generator<void> {
  const { rows, columns } = plane;
  let size = { rows: Math.ceil(rows / 4), columns: Math.ceil(columns / 4) };
  let counts: Uint32Array | Uint16Array | Uint8Array = new Uint8Array(size.rows * size.columns);
  for (let row = 0; row < size.rows; row++) {
    onCrowded(countFours(plane, row, counts, size.columns));
    if (row % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield;
  }
  for (let level = FIRST_COPY; ; level++) {
    const shares = new Uint8Array(size.rows * size.columns);
    for (let row = 0; row < size.rows; row++) {
      sharesOfRow(plane, level, row, counts, shares, size.columns);
      if (row % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield;
    }
    levels[level] = { ...size, shares };
    if (size.rows === 1 && size.columns === 1) return;
    const next = { rows: Math.ceil(size.rows / 2), columns: Math.ceil(size.columns / 2) };
    // Squares of level 3 hold 64 bits, of level 7 16,384.
    const Counts = level < 3 ? Uint8Array : level < 7 ? Uint16Array : Uint32Array;
    const sums: Uint32Array | Uint16Array | Uint8Array = new Counts(next.rows * next.columns);
    for (let row = 0; row < size.rows; row++) {
      const [from, to] = [row * size.columns, (row >> 1) * next.columns];
      for (let c = 0; c < size.columns; c++) sums[to + (c >> 1)]! += counts[from + c]!;
      if (row % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield;
    }
    [size, counts] = [next, sums];
    yield;
  }
}

/** Counts one row of squares of 4 × 4 bits. @returns the groups of four that are crowded */
function countFours(
  { rows, columns, bits }: BitPlane,
  row: number,
  counts: Uint8Array | Uint16Array | Uint32Array,
  width: number,
): number {
  const stride = Math.ceil(columns / 8);
  const to = row * width;
  // What a file holds behind the last column is nothing.
  const tail = columns % 8 === 0 ? 255 : 2 ** (columns % 8) - 1;
  let crowded = 0;
  for (let r = 4 * row; r < Math.min(rows, 4 * row + 4); r++) {
    const from = r * stride;
    for (let b = 0; b < stride; b++) {
      const byte = bits[from + b]! & (b === stride - 1 ? tail : 255);
      const halves = HALVES[byte]!;
      crowded += CROWDED[byte]!;
      counts[to + 2 * b]! += halves & 255;
      // The last byte of a row may hold one group only.
      if (2 * b + 1 < width) counts[to + 2 * b + 1]! += halves >> 8;
    }
  }
  return crowded;
}

function sharesOfRow(
  { rows, columns }: BitPlane,
  level: number,
  row: number,
  counts: ArrayLike<number>,
  shares: Uint8Array,
  width: number,
): void {
  const side = 2 ** level;
  const height = Math.min(rows, (row + 1) * side) - row * side;
  const start = row * width;
  const whole = height * side;
  for (let c = 0; c < width - 1; c++) {
    shares[start + c] = Math.round((255 * counts[start + c]!) / whole);
  }
  const last = columns - (width - 1) * side;
  shares[start + width - 1] = Math.round((255 * counts[start + width - 1]!) / (height * last));
}

/** One line of the benchmark: a ratio or size, and the bar it should keep. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the value should be, e.g. `<= 0.65`; null for figures that only inform. */
  readonly bar: string | null;
  readonly ok: boolean;
}

/** A value that must not exceed its bar. */
export function atMost(name: string, value: number, bar: number, unit = 'ratio'): Measurement {
  return { name, value: rounded(value), unit, bar: `<= ${bar}`, ok: value <= bar };
}

/** A value that must reach its bar. */
export function atLeast(name: string, value: number, bar: number, unit = 'ratio'): Measurement {
  return { name, value: rounded(value), unit, bar: `>= ${bar}`, ok: value >= bar };
}

/** A figure without a bar. */
export function figure(name: string, value: number, unit: string): Measurement {
  return { name, value: rounded(value), unit, bar: null, ok: true };
}

/** Median; `values` not empty. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Times several pieces of work in turns, so that a machine that slows down slows all alike.
 * @param rounds  counted rounds, after one that is not
 * @returns  milliseconds of each piece in each round
 */
export async function interleaved<Name extends string>(
  work: Readonly<Record<Name, () => Promise<unknown>>>,
  rounds: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(work) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    number[]
  >;
  for (let round = -1; round < rounds; round++) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) {
      const start = performance.now();
      await work[name]();
      if (round >= 0) times[name].push(performance.now() - start);
    }
  }
  return times;
}

/** The median over rounds of the ratio of two pieces of work of the same round. */
export function ratioOf(numerator: readonly number[], denominator: readonly number[]): number {
  return median(numerator.map((value, i) => value / denominator[i]!));
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

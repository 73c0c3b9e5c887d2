import type { CompareRow } from '../../src/protocol/compareRow.ts';

/** The methods of the table, in its order. */
export const TABLE_METHODS: readonly string[] = [
  ...['dense', 'random', 'magnitude', 'wanda-sp', 'flap', 'depth', 'uniform-obc', 'slicegpt'],
  ...['paper', 'ours'],
];

/** A figure of the table. */
export interface Figure {
  readonly method: string;
  /** Share of the block parameters that is kept; 1 for the dense model. */
  readonly ratio: number;
  readonly seed: number;
  readonly domain: 'near' | 'shifted';
  /** Null: infinite. */
  readonly perplexity: number | null;
  readonly blockParams: number;
  /** Tokens that went through the model to make it, evaluation aside. */
  readonly tokensForwarded: number | null;
  /** Time it took to make it, evaluation aside. */
  readonly seconds: number;
}

/** The figures of a row, one for each text. */
export function figuresOf(row: CompareRow): Figure[] {
  const { method, seed, params, seconds, tokensForwarded = null, shifted } = row;
  const of = (domain: Figure['domain'], perplexity: number | null): Figure => ({
    ...{ method, ratio: ratioOf(row), seed, domain, perplexity },
    ...{ blockParams: params, tokensForwarded, seconds },
  });
  const near = of('near', row.perplexity);
  return shifted === undefined ? [near] : [near, of('shifted', shifted.perplexity)];
}

/** Share that a row keeps, as it was asked for. */
export function ratioOf({ pattern }: Pick<CompareRow, 'pattern'>): number {
  const percent = /^kept (.+)%$/.exec(pattern)?.[1];
  return percent === undefined ? 1 : Number((Number(percent) / 100).toFixed(6));
}

/** The mean; NaN of none. */
export function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CompareRow } from '../../protocol/compareRow.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import { writeJsonAtomic } from '../runs/atomicWrite.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { mapsOf } from '../sparsity/linearMaps.ts';
import { countParameters, denseSubnet } from '../subnet/count.ts';
import type { Subnet } from '../subnet/subnet.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/** What a row of a comparison is about. */
export type RowName = Pick<CompareRow, 'method' | 'pattern' | 'scope'>;

/** A model to be judged. */
export interface Contender {
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  /** Block parameters added to those of the subnet. */
  readonly extraParameters: number;
}

/** A model whose making took another time than this process saw. */
export interface Made {
  readonly contender: Contender;
  readonly seconds: number;
}

/**
 * A comparison in progress: what all rows share, and the rows that a folder already holds.
 *
 * Each row is a file of its own, so that an interrupted comparison loses one row at most.
 */
export class Comparison {
  readonly bench: Workbench;
  readonly config: ResolvedConfig;
  readonly tokens: TokenPlan;
  readonly signal: AbortSignal;
  /** Where float64 work runs, whatever the device. */
  readonly cpu: Runtime;
  /** SHA-256 of what figures depend on. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Runs of the config. */
  readonly runsRoot: string;
  readonly #folder: string;
  readonly #tell: (text: string) => void;
  readonly #rows: CompareRow[] = [];
  #biased: Pick<Workbench, 'forward' | 'head'> | undefined;

  constructor(
    work: Pick<
      Comparison,
      'bench' | 'config' | 'tokens' | 'signal' | 'cpu' | 'hashes' | 'runsRoot'
    >,
    folder: string,
    tell: (text: string) => void,
  ) {
    this.bench = work.bench;
    this.config = work.config;
    this.tokens = work.tokens;
    this.signal = work.signal;
    this.cpu = work.cpu;
    this.hashes = work.hashes;
    this.runsRoot = work.runsRoot;
    this.#folder = folder;
    this.#tell = tell;
  }

  /** The rows so far, in the order they were asked for. */
  get rows(): readonly CompareRow[] {
    return this.#rows;
  }

  /** Tells a line for people. */
  note(text: string): void {
    this.#tell(text);
  }

  /** True when a row need not be made. */
  has(name: RowName): boolean {
    return existsSync(this.#pathOf(name));
  }

  /**
   * One row: taken from the folder, or made and judged. A method that does not go with the model or
   * the pattern leaves no row, only a word why.
   * @param make  makes the model; its time is the row's unless it says another
   */
  async row(name: RowName, make: () => Promise<Contender | Made>): Promise<void> {
    throwIfAborted(this.signal);
    const path = this.#pathOf(name);
    if (existsSync(path)) {
      this.add(JSON.parse(readFileSync(path, 'utf8')) as CompareRow);
      return;
    }
    const start = performance.now();
    try {
      const made = await make();
      const elapsed = (performance.now() - start) / 1000;
      const { contender, seconds } =
        'contender' in made ? made : { contender: made, seconds: elapsed };
      const perplexity = await this.#perplexity(contender);
      this.keep({ ...name, ...this.#sizeOf(contender, name.scope), perplexity, seconds });
    } catch (error) {
      if (!(error instanceof EngineError) || !SKIPPED.has(error.code)) throw error;
      this.note(`Left out: ${titleOf(name)}. ${error.message}`);
    }
  }

  /** Adds a row whose figures are known and keeps it in the folder. */
  keep(row: Omit<CompareRow, 'seed'>): void {
    const whole: CompareRow = {
      ...{ method: row.method, pattern: row.pattern, scope: row.scope, seed: this.config.seed },
      ...{ perplexity: row.perplexity, nonzeroFraction: row.nonzeroFraction },
      ...{ params: row.params, seconds: Number(row.seconds.toFixed(2)) },
    };
    writeJsonAtomic(this.#pathOf(row), whole);
    this.add(whole);
  }

  /** Adds a row and tells it. */
  add(row: CompareRow): void {
    this.#rows.push(row);
    this.note(`${titleOf(row)}: perplexity ${row.perplexity.toPrecision(5)}`);
  }

  /** Path of a file of this comparison that is no row. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** Parameters that are not zero; of a structured model all that is left counts. */
  #sizeOf(
    { weights, subnet, extraParameters }: Contender,
    scope: CompareRow['scope'],
  ): Pick<CompareRow, 'params' | 'nonzeroFraction'> {
    const { shape } = this.bench.weights;
    const { block, denseBlock } = countParameters(shape, subnet);
    const params = block + extraParameters - (scope === 'structured' ? 0 : zerosIn(weights));
    return { params, nonzeroFraction: params / denseBlock };
  }

  async #perplexity({ weights, subnet }: Contender): Promise<number> {
    const { bench, signal } = this;
    const { forward, head } =
      weights.shape === bench.weights.shape ? bench : this.#withBiases(weights.shape);
    const { heldout } = this.tokens;
    const found = await perplexityOf(forward, head, { weights, subnet }, heldout, { signal });
    return found.perplexity;
  }

  /** Graphs of the model with output biases, which FLAP's rows share. */
  #withBiases(shape: ModelShape): Pick<Workbench, 'forward' | 'head'> {
    if (this.#biased === undefined) {
      const forward = new ForwardPass(this.bench.runtime, shape);
      this.#biased = { forward, head: new LossHead(forward) };
    }
    return this.#biased;
  }

  #pathOf({ method, pattern, scope }: RowName): string {
    const name = `${scope}-${pattern}-${method}`.replaceAll(/[^\w.-]/g, '_');
    return this.file(`${name}.json`);
  }
}

/** The dense model as a contender's subnet. */
export function whole(weights: ModelWeights): Contender {
  return { weights, subnet: denseSubnet(weights.shape), extraParameters: 0 };
}

/** What a method may say that only means that it does not apply. */
const SKIPPED: ReadonlySet<string> = new Set(['config', 'budget']);

/** Zeros in the maps of the blocks. */
function zerosIn({ layers }: ModelWeights): number {
  let count = 0;
  for (const layer of layers) {
    for (const { linear } of [...mapsOf(layer, 'attention'), ...mapsOf(layer, 'mlp')]) {
      for (let i = 0; i < linear.weight.length; i++) if (linear.weight[i] === 0) count++;
    }
  }
  return count;
}

function titleOf({ method, pattern, scope }: RowName): string {
  return scope === 'structured' ? `${method}, ${pattern}` : `${method}, ${pattern}, ${scope}`;
}

import { EngineError, isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { CompareRow } from '../../protocol/compareRow.ts';
import { comparableKey } from '../../protocol/comparableKey.ts';
import type { EvaluatedOn } from '../../protocol/evaluatedOn.ts';
import type { Perplexity } from '../../protocol/perplexity.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import { Runtime } from '../runtime/runtime.ts';
import { mapsOf } from '../sparsity/linearMaps.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import type { ComparisonRecord } from './comparisonRecord.ts';
import { titleOf, type RowPlace } from './comparisonRows.ts';
import { heldoutOf } from './heldout.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/** A model to be judged. */
export interface Contender {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** Block parameters added to those of the subnet. */
  readonly extraParameters: number;
}

/** A model whose making took another time than this process saw. */
export interface Made {
  readonly contender: Contender;
  readonly seconds: number;
}

/** Figures of a model that was judged elsewhere. */
export type Known = Pick<CompareRow, 'params' | 'perplexity' | 'lossNats' | 'seconds'>;

/** A row and how it is made. */
export interface PlannedRow extends RowPlace {
  /** Makes the model; its time is the row's unless it says another. */
  readonly make: () => Promise<Contender | Made | Known>;
}

/** What all rows of a comparison share. */
export interface ComparisonWork {
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
  /** Folder of the comparison. */
  readonly folder: string;
  /** Tells a line for people. */
  readonly note: (text: string) => void;
}

/** A comparison in progress: makes rows and judges them alike. */
export class Comparison {
  readonly config: ResolvedConfig;
  readonly work: ComparisonWork;
  /** What every perplexity is evaluated on. */
  readonly #on: EvaluatedOn | undefined;
  #bench: Workbench;
  #biased: Pick<Workbench, 'forward' | 'head'> | undefined;

  constructor(work: ComparisonWork) {
    this.work = work;
    this.config = work.config;
    this.#on = heldoutOf(work.hashes, work.tokens.heldout);
    this.#bench = work.bench;
  }

  /** The dense model and what runs it; ask again for each row. */
  get bench(): Workbench {
    return this.#bench;
  }

  /** True when a perplexity of a run may stand among the rows; of an older version none may. */
  comparesWith({ evaluatedOn }: Pick<CompareRow, 'evaluatedOn'>): boolean {
    const key = comparableKey(evaluatedOn);
    return key !== null && key === comparableKey(this.#on);
  }

  /**
   * Makes the rows of a plan that a record lacks. A method that does not go with the model or the
   * pattern, or whose model computes no number, leaves no row, only a word why.
   * @throws EngineError `numeric` when the dense model computes no number; `cancelled`, `device`,
   *   `disk`
   */
  async make(plan: readonly PlannedRow[], record: ComparisonRecord): Promise<void> {
    for (const planned of plan) {
      throwIfAborted(this.work.signal);
      if (record.has(planned.name)) continue;
      const start = performance.now();
      try {
        record.add(planned, await this.#row(planned), performance.now() - start);
      } catch (error) {
        const skipped = error instanceof EngineError && SKIPPED.has(error.code);
        if (!skipped || isDense(planned)) throw error;
        record.leaveOut(planned.name, error.message);
      } finally {
        await this.#freeDevice();
      }
    }
  }

  async #row({ name, make }: PlannedRow): Promise<CompareRow> {
    const start = performance.now();
    const made = await make();
    const elapsed = (performance.now() - start) / 1000;
    if ('perplexity' in made) return this.#rowOf(name, made);
    const { contender, seconds } =
      'contender' in made ? made : { contender: made, seconds: elapsed };
    const { perplexity, lossNats } = await this.#evaluate(name, contender);
    const params = await this.#sizeOf(contender, name.scope);
    return this.#rowOf(name, { params, perplexity, lossNats, seconds });
  }

  #rowOf({ method, pattern, scope }: RowPlace['name'], known: Known): CompareRow {
    const { params, perplexity, lossNats, seconds } = known;
    const { shape } = this.bench.weights;
    const { denseBlock } = countParameters(shape, denseSubnet(shape));
    return {
      method,
      pattern,
      scope,
      seed: this.config.seed,
      perplexity,
      ...(lossNats === undefined ? {} : { lossNats }),
      ...(this.#on === undefined ? {} : { evaluatedOn: this.#on }),
      ...{ nonzeroFraction: params / denseBlock, params, seconds: Number(seconds.toFixed(2)) },
    };
  }

  /** Parameters that are not zero; of a structured model all that is left counts. */
  async #sizeOf(
    { weights, subnet, extraParameters }: Contender,
    scope: CompareRow['scope'],
  ): Promise<CompareRow['params']> {
    const { block } = countParameters(this.bench.weights.shape, subnet);
    return block + extraParameters - (scope === 'structured' ? 0 : await zerosIn(weights));
  }

  async #evaluate(name: RowPlace['name'], { weights, subnet }: Contender): Promise<Perplexity> {
    const { signal, tokens } = this.work;
    const { forward, head } =
      weights.shape === this.bench.weights.shape ? this.bench : this.#withBiases(weights.shape);
    const candidate = { weights, subnet };
    try {
      return await perplexityOf(forward, head, candidate, tokens.heldout, { signal });
    } catch (error) {
      throw isEngineError(error, 'numeric') ? noNumber(titleOf(name), error) : error;
    }
  }

  /** Graphs of the model with output biases, which FLAP's rows share. */
  #withBiases(shape: ModelShape): Pick<Workbench, 'forward' | 'head'> {
    if (this.#biased === undefined) {
      const forward = new ForwardPass(this.bench.runtime, shape);
      this.#biased = { forward, head: new LossHead(forward) };
    }
    return this.#biased;
  }

  /**
   * Weights that a GPU was given stay there as long as their runtime does, and every row has weights
   * of its own: so a row gets a runtime of its own.
   */
  async #freeDevice(): Promise<void> {
    const { runtime, weights } = this.#bench;
    if (!runtime.onDevice) return;
    await runtime.release();
    const fresh = new Runtime(runtime.device, runtime.threads);
    const forward = new ForwardPass(fresh, weights.shape);
    const rest = { runtime: fresh, forward, head: new LossHead(forward) };
    this.#bench = { ...this.work.bench, ...rest };
    this.#biased = undefined;
  }

  /** Frees what rows were made with; the bench it was given stays. */
  async release(): Promise<void> {
    if (this.#bench !== this.work.bench) await this.#bench.runtime.release();
  }
}

/** The dense model as a contender's subnet. */
export function whole(weights: WeightSource): Contender {
  return { weights, subnet: denseSubnet(weights.shape), extraParameters: 0 };
}

/** The first row of every comparison. */
export function denseRow(comparison: Comparison): PlannedRow {
  return {
    name: { method: 'dense', pattern: 'dense', scope: 'all' },
    family: 'sparsity',
    make: () => Promise.resolve(whole(comparison.bench.weights)),
  };
}

/** What a method may say that only means that it does not apply. */
const SKIPPED: ReadonlySet<string> = new Set(['config', 'budget', 'numeric']);

function isDense({ name }: PlannedRow): boolean {
  return name.method === 'dense';
}

/** Zeros in the maps of the blocks. */
async function zerosIn(weights: WeightSource): Promise<number> {
  let count = 0;
  for await (const [, layer] of eachBlock(weights)) {
    for (const { linear } of [...mapsOf(layer, 'attention'), ...mapsOf(layer, 'mlp')]) {
      for (let i = 0; i < linear.weight.length; i++) if (linear.weight[i] === 0) count++;
    }
  }
  return count;
}

function noNumber(title: string, cause: EngineError): EngineError {
  const dense = title === 'dense';
  const { problem } = cause;
  return new EngineError(
    'numeric',
    {
      ...problem,
      what: `Loss of ${dense ? 'the dense model' : title}`,
      sentence: `The loss of ${dense ? 'the dense model' : title} on the text is not a number.`,
      action: dense
        ? problem.action
        : 'The method breaks this model at this size; keep more of it.',
    },
    { cause },
  );
}

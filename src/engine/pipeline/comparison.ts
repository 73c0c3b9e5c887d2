import { EngineError, isEngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { CompareRow, JudgedOn } from '../../protocol/compareRow.ts';
import type { EvaluatedOn } from '../../protocol/evaluatedOn.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { eachBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import { SlicedStream } from '../baselines/slicedStream.ts';
import { narrowed } from '../baselines/structuredSubnet.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import { ForwardPass } from '../graphs/forwardPass.ts';
import { LossHead } from '../graphs/lossHead.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { mapsOf } from '../sparsity/linearMaps.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import { type Effort, measured } from './comparisonEffort.ts';
import type { ComparisonRecord } from './comparisonRecord.ts';
import { type RowName, titleOf } from './comparisonRows.ts';
import { heldoutOf } from './heldout.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/** A model to be judged. */
export interface Contender {
  readonly weights: WeightSource;
  readonly subnet: Subnet;
  /** Parameters of the blocks, zeros among them included. */
  readonly blockParams: number;
  /** What the residual stream is projected by before each sublayer, [2L][H, H]; absent for nothing. */
  readonly projections?: readonly Float32Array[];
}

/** A model whose making took more than this call of it. */
export interface Made {
  readonly contender: Contender;
  readonly effort: Effort;
}

/** A row and how it is made. */
export interface PlannedRow {
  readonly name: RowName;
  /** Makes the model; its effort is the row's unless it says another. */
  readonly make: () => Promise<Contender | Made>;
}

/** What all rows of a comparison share. */
export interface ComparisonWork {
  readonly bench: Workbench;
  readonly config: ResolvedConfig;
  readonly tokens: TokenPlan;
  /** Windows of a held-out text of another kind; null when there is none. */
  readonly shifted: readonly Uint32Array[] | null;
  readonly signal: AbortSignal;
  /** Where float64 work runs, whatever the device. */
  readonly cpu: Runtime;
  /** SHA-256 of what figures depend on. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Folder of the comparison. */
  readonly folder: string;
  /** Tells a line for people. */
  readonly note: (text: string) => void;
}

/** What all models are judged on. */
interface HeldoutText {
  readonly windows: readonly Uint32Array[];
  readonly evaluatedOn: EvaluatedOn | undefined;
}

/** A comparison in progress: makes rows and judges them alike. */
export class Comparison {
  readonly config: ResolvedConfig;
  readonly work: ComparisonWork;
  readonly #near: HeldoutText;
  readonly #shifted: HeldoutText | null;
  #biased: Pick<Workbench, 'forward' | 'head'> | undefined;

  constructor(work: ComparisonWork) {
    this.work = work;
    this.config = work.config;
    const { hashes, tokens, shifted } = work;
    const textOf = (windows: readonly Uint32Array[], heldout?: string): HeldoutText => ({
      windows,
      evaluatedOn: heldoutOf(heldout === undefined ? hashes : { ...hashes, heldout }, windows),
    });
    this.#near = textOf(tokens.heldout);
    this.#shifted = shifted === null ? null : textOf(shifted, hashes['shifted']);
  }

  /** The dense model and what runs it. */
  get bench(): Workbench {
    return this.work.bench;
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
        record.add(await this.#row(planned), performance.now() - start);
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
    const { value: made, effort: seen } = await measured(this.bench.forward, make);
    const { contender, effort } = 'contender' in made ? made : { contender: made, effort: seen };
    const near = await this.#judge(name, contender, this.#near);
    const shifted =
      this.#shifted === null ? {} : { shifted: await this.#judge(name, contender, this.#shifted) };
    const params = await this.#sizeOf(contender, name.scope);
    const { shape } = this.bench.weights;
    const { denseBlock } = countParameters(shape, denseSubnet(shape));
    return {
      ...name,
      seed: this.config.seed,
      ...near,
      ...shifted,
      ...{ nonzeroFraction: params / denseBlock, params },
      seconds: Number(effort.seconds.toFixed(2)),
      tokensForwarded: Math.round(effort.tokens),
    };
  }

  /** Parameters that are not zero; of a structured model all that is left counts. */
  async #sizeOf(
    { weights, blockParams }: Contender,
    scope: CompareRow['scope'],
  ): Promise<CompareRow['params']> {
    return blockParams - (scope === 'structured' ? 0 : await zerosIn(weights));
  }

  async #judge(
    name: RowName,
    contender: Contender,
    { windows, evaluatedOn }: HeldoutText,
  ): Promise<JudgedOn> {
    const { signal } = this.work;
    const { weights, projections } = contender;
    const { forward, head } =
      weights.shape === this.bench.weights.shape ? this.bench : this.#withBiases(weights.shape);
    const runner =
      projections === undefined ? forward : new SlicedStream(forward, (at) => projections[at]!);
    try {
      const found = await perplexityOf(runner, head, contender, windows, { signal });
      const { perplexity, lossNats } = found;
      return { perplexity, lossNats, ...(evaluatedOn === undefined ? {} : { evaluatedOn }) };
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

  /** Every row has weights of its own: what a GPU holds of them makes room for the next row's. */
  async #freeDevice(): Promise<void> {
    await this.bench.forward.forget();
    await this.#biased?.forward.forget();
  }
}

/** The dense model as a contender's subnet. */
export function whole(weights: WeightSource): Contender {
  return narrowed(weights, denseSubnet(weights.shape));
}

/** The first row of every comparison. */
export function denseRow(comparison: Comparison): PlannedRow {
  return {
    name: { method: 'dense', pattern: 'dense', scope: 'all' },
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

import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import type { Linear } from '../checkpoint/modelWeights.ts';
import {
  ChangedWeights,
  eachBlock,
  type MapChanges,
  type WeightSource,
  withChanges,
} from '../checkpoint/weightSource.ts';
import { MAPS } from '../model/block.ts';
import type { Runner } from '../graphs/runner.ts';
import type { LossHead } from '../graphs/lossHead.ts';
import type { Tensor } from '../runtime/runtime.ts';
import { denseSubnet, type Subnet } from '../model/subnet.ts';
import { meanOf } from '../numeric/mean.ts';
import type { TokenRows } from '../passes/statistics.ts';

/** Shares of a refit's change that are tried after all of it, while a smaller one is better. */
const SMALLER_STEPS = [1 / 2, 1 / 4] as const;
/** Standard errors in a gain from which no smaller step is tried. */
const BEYOND_DOUBT = 4;
/** Batches whose residual streams are held at a time. */
const BATCHES_AT_A_TIME = 8;

/** Where and on which tokens refits are judged. */
export interface RefitJudgement {
  readonly forward: Runner;
  readonly head: LossHead;
  /** The dense model. */
  readonly dense: WeightSource;
  readonly subnet: Subnet;
  /** Windows of one length, grouped into batches. */
  readonly batches: readonly (readonly Uint32Array[])[];
  /** Tokens whose predictions count, per batch; the refit must not have been fitted to them. */
  readonly rows: readonly TokenRows[];
  /** With `perplexity` the loss must fall too; with `kl` only the distance to the dense model. */
  readonly loss: 'perplexity' | 'kl';
  readonly signal?: AbortSignal | undefined;
}

/** What {@link judgeRefit} finds. */
export type StepVerdict = Omit<ReformVerdict, 'maps'>;

/**
 * Judges a refit on tokens it was not fitted to: all of its change, half of it, a quarter. A step is
 * accepted only if it brings the subnet nearer to the dense model by more than the standard error of
 * that gain and, where the loss counts, lowers the loss as well.
 *
 * The distance decides because it is far less noisy: on 64 tokens of the bundled model the standard
 * error of a gain is some 0.003 nats of loss, but 0.0003 of distance, and the gain itself is 0.001.
 * @param before  the weights without the refit
 * @param after  the refitted ones
 * @throws EngineError `cancelled`
 */
export async function judgeRefit(
  judgement: RefitJudgement,
  before: WeightSource,
  after: WeightSource,
): Promise<StepVerdict> {
  const kind = judgement.loss;
  const [old, whole] = await lossesOf(judgement, [before, after]);
  let best = trialOf(1, old!, whole!);
  for (const step of SMALLER_STEPS) {
    if (isBeyondDoubt(best, kind)) break;
    const mixed = await interpolated(before, after, step);
    const [losses] = await lossesOf(judgement, [mixed]);
    if (mixed instanceof ChangedWeights) await judgement.forward.forget(mixed.changes);
    const trial = trialOf(step, old!, losses!);
    if (!isBetter(trial, best, kind)) break;
    best = trial;
  }
  return isAccepted(best, kind) ? best.verdict : { ...best.verdict, step: 0 };
}

/**
 * Weights on the way from one model to another of the same masks.
 * @param after  differs from `before` in nothing but maps of its blocks
 * @param share  0 gives `before`, 1 gives `after`
 */
export async function interpolated(
  before: WeightSource,
  after: WeightSource,
  share: number,
): Promise<WeightSource> {
  if (share === 0) return before;
  if (share === 1) return after;
  const mixed = (a: Float32Array, b: Float32Array): Float32Array =>
    a === b ? a : a.map((value, i) => value + share * (b[i]! - value));
  const between = (a: Linear, b: Linear): Linear => ({
    weight: mixed(a.weight, b.weight),
    bias: a.bias === null ? null : mixed(a.bias, b.bias!),
  });
  const changes = new Map<number, MapChanges>();
  for await (const [l, layer] of eachBlock(before)) {
    const goal = await after.block(l);
    const maps = [...MAPS.attention, ...MAPS.mlp].flatMap((name) => {
      const [a, b] = [layer[name], goal[name]];
      return a === b || a === null || b === null ? [] : [[name, between(a, b)] as const];
    });
    changes.set(l, Object.fromEntries(maps));
    after.release(l);
  }
  return withChanges(before, changes);
}

/** Of every counted prediction, nats. */
interface Losses {
  readonly loss: number[];
  readonly distance: number[];
}

/**
 * Runs models over the windows that hold judging tokens, some batches at a time. What the dense model
 * predicts is worked out once for all of them.
 */
async function lossesOf(
  judgement: RefitJudgement,
  models: readonly WeightSource[],
): Promise<Losses[]> {
  const { forward, head, dense, subnet, signal } = judgement;
  const all = denseSubnet(dense.shape);
  const found = models.map((): Losses => ({ loss: [], distance: [] }));
  const judging = judgingBatches(judgement);
  for (let from = 0; from < judging.length; from += BATCHES_AT_A_TIME) {
    const part = judging.slice(from, from + BATCHES_AT_A_TIME);
    const lastStates = async (weights: WeightSource, units: Subnet): Promise<readonly Tensor[]> => {
      const embedded = await forward.embed(
        weights,
        part.map(({ windows }) => windows),
      );
      return forward.through(weights, units, embedded, { signal });
    };
    const denseStates = await lastStates(dense, all);
    const windows = part.flatMap((batch) => batch.windows);
    const next = await head.nextTokenTargets(dense, windows);
    const teacher = await head.denseTargets(dense, denseStates, signal);
    forward.release(denseStates);
    const counts = part.flatMap(({ counted }) => counted);
    for (const [i, weights] of models.entries()) {
      const states = await lastStates(weights, subnet);
      for (const [name, targets] of [
        ['loss', next],
        ['distance', teacher],
      ] as const) {
        const losses = await head.losses(weights, states, targets, signal);
        losses.forEach((loss, at) => {
          if (counts[at] === true) found[i]![name].push(loss);
        });
      }
      forward.release(states);
    }
  }
  return found;
}

/** Some windows of a batch, and which of their T − 1 predictions each count. */
interface JudgingBatch {
  readonly windows: readonly Uint32Array[];
  readonly counted: readonly boolean[];
}

function judgingBatches({ batches, rows }: RefitJudgement): JudgingBatch[] {
  return batches.flatMap((batch, b) => {
    const own = rows[b]!;
    const isJudging = own === null ? null : new Set(own);
    const marked = batch.map((window, w) => ({
      window,
      counted: Array.from(
        { length: window.length - 1 },
        (_, t) => isJudging?.has(w * window.length + t) ?? true,
      ),
    }));
    const present = marked.filter(({ counted }) => counted.includes(true));
    if (present.length === 0) return [];
    return {
      windows: present.map(({ window }) => window),
      counted: present.flatMap(({ counted }) => counted),
    };
  });
}

/** One step and how sure its gain is. */
interface Trial {
  readonly verdict: StepVerdict;
  /** Gain of distance, nats, and its standard error; not a number where too few tokens judge. */
  readonly gain: number;
  readonly error: number;
}

function trialOf(step: number, old: Losses, now: Losses): Trial {
  const gains = old.distance.map((before, i) => before - now.distance[i]!);
  const tokens = gains.length;
  const gain = meanOf(gains);
  const squares = gains.reduce((sum, one) => sum + (one - gain) ** 2, 0);
  return {
    verdict: {
      step,
      tokens,
      loss: { before: meanOf(old.loss), after: meanOf(now.loss) },
      distance: { before: meanOf(old.distance), after: meanOf(now.distance) },
    },
    gain,
    error: Math.sqrt(squares / (tokens - 1) / tokens),
  };
}

/** What of the gain is certain. */
function sureGain({ gain, error }: Trial): number {
  return gain - error;
}

function isAccepted(trial: Trial, kind: RefitJudgement['loss']): boolean {
  const { before, after } = trial.verdict.loss;
  return sureGain(trial) > 0 && (kind === 'kl' || after < before);
}

function isBeyondDoubt(trial: Trial, kind: RefitJudgement['loss']): boolean {
  return isAccepted(trial, kind) && trial.gain > BEYOND_DOUBT * trial.error;
}

function isBetter(one: Trial, other: Trial, kind: RefitJudgement['loss']): boolean {
  const [a, b] = [isAccepted(one, kind), isAccepted(other, kind)];
  return a === b ? sureGain(one) > sureGain(other) : a;
}

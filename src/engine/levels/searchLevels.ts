import { throwIfAborted } from '../../protocol/errors.ts';
import { meanOf } from '../numeric/mean.ts';
import { rngFor } from '../numeric/rng.ts';
import type { LevelEvaluator, WindowLosses } from './levelEvaluator.ts';
import type { LevelModel, Levels } from './levelModel.ts';
import { type BudgetRange, switchLevels } from './switches.ts';

/** One stage of a race. */
export interface RaceStage {
  /** Windows that a child has been judged on at its end. */
  readonly windows: number;
  /** How many of the best go on. */
  readonly survivors: number;
}

/** How a search by switches runs. */
export interface SwitchOptions {
  readonly generations: number;
  /** Children of a generation. */
  readonly children: number;
  /** Stages of a race before the last one, which is on all windows, with growing counts of windows. */
  readonly stages: readonly RaceStage[];
}

/** Where a search by switches is. */
export interface SwitchState {
  /** Generations that are done. */
  readonly generation: number;
  readonly levels: Levels;
  /** Losses of the levels on each of the evaluator's windows, nats, [W]. */
  readonly losses: WindowLosses;
}

/** A child at the end of its race. */
export interface JudgedChild {
  readonly levels: Levels;
  /** Place among the children of its generation. */
  readonly child: number;
  /**
   * Its loss on all windows, nats; where it left the race before it saw all of them, the parent's on all
   * and what it is above the parent's on those that it saw. Windows differ far more than a child from
   * its parent.
   */
  readonly loss: number;
  /** Windows it was judged on. */
  readonly windows: number;
}

/** One generation, for the record. */
export interface SwitchGeneration {
  readonly state: SwitchState;
  /** In the order in which they left the race. */
  readonly children: readonly JudgedChild[];
}

/** What {@link searchLevels} needs. */
export interface SwitchRequest {
  readonly model: LevelModel;
  readonly evaluator: LevelEvaluator;
  readonly budget: BudgetRange;
  readonly start: SwitchState;
  readonly seed: number;
  readonly options: SwitchOptions;
  readonly signal?: AbortSignal | undefined;
  /** Told each child when it leaves the race, and the generation it is of. */
  readonly onJudged?: (judged: JudgedChild, parent: Levels, generation: number) => void;
  readonly onGeneration?: (generation: SwitchGeneration) => void;
}

/**
 * Improves a choice of levels by switches: children move parameters from some sublayers to others, a
 * race on growing numbers of windows keeps the best, and a child takes its parent's place when it does
 * better on all windows. The early windows of a race are drawn anew for each generation and are the same
 * for all of it; while there are several children, they begin with the parent's residual stream where
 * they first differ from it.
 *
 * Every draw is named by seed, generation and child, so that a search that goes on from a state ends
 * as one that was never stopped.
 * @throws EngineError `cancelled`, `checkpoint` when levels cannot be read
 * @source Sieberling et al. 2024, EvoPress (arXiv 2410.14649)
 */
export async function searchLevels(request: SwitchRequest): Promise<SwitchState> {
  let state = request.start;
  while (state.generation < request.options.generations) {
    throwIfAborted(request.signal);
    const next = await generation(request, state);
    request.onGeneration?.(next);
    state = next.state;
  }
  return state;
}

/** A child in a race. */
interface Rival {
  readonly child: number;
  readonly levels: Levels;
  /** Of the windows it was judged on, [W]. */
  readonly losses: WindowLosses;
  /** Sum of what its losses are above the parent's. */
  behind: number;
}

async function generation(request: SwitchRequest, state: SwitchState): Promise<SwitchGeneration> {
  const { evaluator, options, seed } = request;
  const children: JudgedChild[] = [];
  const leave = ({ child, levels, behind }: Rival, windows: number): void => {
    const one = { child, levels, windows, loss: meanOf(state.losses) + behind / windows };
    children.push(one);
    request.onJudged?.(one, state.levels, state.generation + 1);
  };
  const total = evaluator.windows;
  const drawn = rngFor(seed, 'level windows', state.generation).sample(total, total);
  let rivals = childrenOf(request, state);
  let seen = 0;
  for (const { windows, survivors } of [...options.stages, { windows: total, survivors: 1 }]) {
    const chosen = [...drawn.slice(seen, windows)].sort((a, b) => a - b);
    if (rivals.length === 0 || chosen.length === 0) continue;
    seen += chosen.length;
    await judge(request, state, rivals, chosen);
    rivals.sort((a, b) => a.behind - b.behind || a.child - b.child);
    const better = rivals.filter(({ behind }) => behind < 0).slice(0, survivors);
    for (const rival of rivals.slice(better.length)) leave(rival, seen);
    rivals = better;
  }
  const [best] = rivals;
  if (best !== undefined) leave(best, seen);
  const { levels, losses } = best ?? state;
  return { state: { generation: state.generation + 1, levels, losses }, children };
}

/** Judges children on some windows, from the parent's streams where several begin with them. */
async function judge(
  { evaluator, signal }: SwitchRequest,
  state: SwitchState,
  rivals: readonly Rival[],
  chosen: readonly number[],
): Promise<void> {
  const note = (rival: Rival, losses: WindowLosses): void => {
    chosen.forEach((window, i) => {
      rival.losses[window] = losses[i]!;
      rival.behind += losses[i]! - state.losses[window]!;
    });
  };
  const [only, ...others] = rivals;
  if (only !== undefined && others.length === 0) {
    note(only, await evaluator.losses(only.levels, chosen, signal));
    return;
  }
  const parent = await evaluator.parent(state.levels, chosen, signal);
  try {
    for (const rival of rivals) note(rival, await evaluator.child(rival.levels, parent, signal));
  } finally {
    evaluator.release(parent);
  }
}

/** Least and largest amount of parameters that a sublayer gives up, as a share of the budget. */
const LEAST_AMOUNT = 0.001;
const LARGEST_AMOUNT = 0.04;

/** Different children of a parent. */
function childrenOf(
  { model, evaluator, budget, seed, options }: SwitchRequest,
  state: SwitchState,
): Rival[] {
  const found = new Map<string, Rival>();
  const progress = state.generation / options.generations;
  for (let child = 0; child < options.children; child++) {
    const rng = rngFor(seed, 'levels', state.generation, child);
    const switches = Math.min(1 + rng.int(3), 1 + rng.int(3));
    // Amounts of all sizes, spread evenly over their logarithm; large ones at first only.
    const largest = LARGEST_AMOUNT ** (1 - progress) * LEAST_AMOUNT ** progress;
    const share = LEAST_AMOUNT * (largest / LEAST_AMOUNT) ** rng.uniform();
    const amount = share * budget.most;
    const levels = switchLevels(model, state.levels, budget, { rng, switches, amount });
    if (levels === null || found.has(levels.join())) continue;
    const losses = new Float64Array(evaluator.windows);
    found.set(levels.join(), { child, levels, losses, behind: 0 });
  }
  return [...found.values()];
}

import { throwIfAborted } from '../../protocol/errors.ts';
import { rngFor } from '../numeric/rng.ts';
import type { LevelEvaluator } from './levelEvaluator.ts';
import type { LevelModel, Levels } from './levelModel.ts';
import { type BudgetRange, switchLevels } from './switches.ts';

/** How a search by switches runs. */
export interface SwitchOptions {
  readonly generations: number;
  /** Children of a generation. */
  readonly children: number;
  /** Windows that every child is judged on, and how many of the best go on to the next count. */
  readonly stages: readonly { readonly windows: number; readonly survivors: number }[];
}

/** Where a search by switches is. */
export interface SwitchState {
  /** Generations that are done. */
  readonly generation: number;
  readonly levels: Levels;
  /** Loss of the levels on the windows of the last stage that judged them, nats. */
  readonly loss: number;
}

/** One generation, for the record. */
export interface SwitchGeneration extends SwitchState {
  /** Loss of the parent on the same windows. */
  readonly before: number;
  /** Children that were judged at each stage. */
  readonly judged: readonly number[];
}

/** What {@link searchLevels} needs. */
export interface SwitchRequest {
  readonly model: LevelModel;
  readonly evaluator: LevelEvaluator;
  /** Windows of the evaluator. */
  readonly windows: number;
  readonly budget: BudgetRange;
  readonly start: SwitchState;
  readonly seed: number;
  readonly options: SwitchOptions;
  readonly signal?: AbortSignal | undefined;
  readonly onGeneration?: (generation: SwitchGeneration) => void;
}

/**
 * Improves a choice of levels by switches: children move parameters from some sublayers to others, a
 * race on growing numbers of windows keeps the best, and a child takes its parent's place when it does
 * better on the windows of the last stage. All of a stage see the same windows, drawn anew for each
 * generation, and begin with the parent's residual stream where they first differ from it.
 *
 * Every draw is named by seed, generation and child, so that a search that goes on from a state ends
 * as one that was never stopped.
 * @source Sieberling et al. 2024, EvoPress (arXiv 2410.14649)
 */
export async function searchLevels(request: SwitchRequest): Promise<SwitchState> {
  let state = request.start;
  while (state.generation < request.options.generations) {
    throwIfAborted(request.signal);
    const next = await generation(request, state);
    request.onGeneration?.(next);
    state = next;
  }
  return state;
}

async function generation(request: SwitchRequest, state: SwitchState): Promise<SwitchGeneration> {
  const { evaluator, options, seed, signal } = request;
  let rivals = childrenOf(request, state);
  let [best, loss, before] = [state.levels, state.loss, state.loss];
  const judged: number[] = [];
  for (const [stage, { windows, survivors }] of options.stages.entries()) {
    if (rivals.length === 0) break;
    const rng = rngFor(seed, 'level windows', state.generation, stage);
    const chosen = [...rng.sample(request.windows, Math.min(windows, request.windows))].sort(
      (a, b) => a - b,
    );
    const parent = await evaluator.parent(state.levels, chosen, signal);
    try {
      const losses: { readonly child: Levels; readonly loss: number }[] = [];
      for (const child of rivals) {
        losses.push({ child, loss: await evaluator.child(child, parent, signal) });
      }
      judged.push(losses.length);
      losses.sort((a, b) => a.loss - b.loss);
      const better = losses.filter((one) => one.loss < parent.loss).slice(0, survivors);
      rivals = better.map(({ child }) => child);
      before = parent.loss;
      [best, loss] = [better[0]?.child ?? state.levels, better[0]?.loss ?? parent.loss];
    } finally {
      evaluator.release(parent);
    }
  }
  return { generation: state.generation + 1, levels: best, loss, before, judged };
}

/** Least and largest amount of parameters that a sublayer gives up, as a share of the budget. */
const LEAST_AMOUNT = 0.001;
const LARGEST_AMOUNT = 0.04;

/** Different children of a parent. */
function childrenOf({ model, budget, seed, options }: SwitchRequest, state: SwitchState): Levels[] {
  const found = new Map<string, Levels>();
  const progress = state.generation / options.generations;
  for (let child = 0; child < options.children; child++) {
    const rng = rngFor(seed, 'levels', state.generation, child);
    const switches = Math.min(1 + rng.int(3), 1 + rng.int(3));
    // Amounts of all sizes, spread evenly over their logarithm; large ones at first only.
    const largest = LARGEST_AMOUNT ** (1 - progress) * LEAST_AMOUNT ** progress;
    const share = LEAST_AMOUNT * (largest / LEAST_AMOUNT) ** rng.uniform();
    const amount = share * budget.most;
    const made = switchLevels(model, state.levels, budget, { rng, switches, amount });
    if (made !== null) found.set(made.join(), made);
  }
  return [...found.values()];
}

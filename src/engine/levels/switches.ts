import type { ModelShape } from '../model/modelShape.ts';
import type { Rng } from '../numeric/rng.ts';
import { cheapestUnit } from '../subnet/legal.ts';
import { geneOf, type LevelModel, type Levels, placeOf } from './levelModel.ts';

/** What a choice of levels may cost, in block parameters. */
export interface BudgetRange {
  readonly least: number;
  readonly most: number;
}

/** How far below a budget a choice of levels may stay, as a share of it. */
const SLACK = 0.001;

/**
 * The range of a budget: never above it, at most a thousandth of it below. Of a small model, in which
 * units are more than that, at most two of the cheapest below.
 */
export function budgetRange(shape: ModelShape, budget: number): BudgetRange {
  const slack = Math.max(budget * SLACK, 2 * cheapestUnit(shape));
  return { least: Math.ceil(budget - slack), most: budget };
}

/** Attempts at a child before its parent is given up. */
const ATTEMPTS = 200;

/**
 * A neighbour of a choice of levels: some sublayers give parameters up and others take them, so that
 * the budget is met again.
 * @param switches  levels that move down
 * @param amount  parameters that each of them gives up, about
 * @returns  null when no neighbour was found
 */
export function switchLevels(
  model: LevelModel,
  parent: Levels,
  budget: BudgetRange,
  {
    rng,
    switches,
    amount,
  }: { readonly rng: Rng; readonly switches: number; readonly amount: number },
): Levels | null {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const child = parent.slice();
    const givers = new Set<number>();
    for (let i = 0; i < switches; i++) {
      const gene = rng.int(child.length);
      const before = model.parameters(child);
      while (before - model.parameters(child) < amount && stepDown(model, child, gene)) {
        givers.add(gene);
      }
    }
    if (givers.size > 0 && fill(model, child, budget, rng, givers)) return child;
  }
  return null;
}

/**
 * Raises levels drawn at random, one after the other as far as the budget allows, until it is met.
 * @param keep  genes that stay as they are
 * @returns  false when it cannot be met
 */
export function fill(
  model: LevelModel,
  levels: Levels,
  { least, most }: BudgetRange,
  rng: Rng,
  keep: ReadonlySet<number> = new Set(),
): boolean {
  if (model.parameters(levels) > most) return false;
  const genes = [...levels.keys()].filter((gene) => !keep.has(gene));
  for (const gene of rng.shuffle(genes)) {
    if (model.parameters(levels) >= least) return true;
    for (;;) {
      const raised = levels.slice();
      if (!stepUp(model, raised, gene) || model.parameters(raised) > most) break;
      levels.set(raised);
    }
  }
  return model.parameters(levels) >= least;
}

/** Moves a level some steps towards removal. False when it is there already. */
export function stepDown(model: LevelModel, levels: Levels, gene: number, steps = 1): boolean {
  const last = lastLevel(model, gene);
  const before = levels[gene]!;
  levels[gene] = Math.min(last, before + steps);
  removeWhole(model, levels, gene);
  return levels[gene] !== before;
}

/**
 * Moves a level one step towards the whole. Attention that was removed comes back with one step of
 * each of its kinds.
 */
export function stepUp(model: LevelModel, levels: Levels, gene: number): boolean {
  if (levels[gene] === 0) return false;
  levels[gene]!--;
  const [qk, vo] = attentionGenes(gene);
  if (gene === qk || gene === vo) {
    for (const one of [qk, vo]) levels[one] = Math.min(levels[one]!, lastLevel(model, one) - 1);
  }
  return true;
}

/** Attention without query/key units or without values is removed whole. */
export function removeWhole(model: LevelModel, levels: Levels, gene: number): void {
  const [qk, vo] = attentionGenes(gene);
  if (gene !== qk && gene !== vo) return;
  if (levels[qk] === lastLevel(model, qk) || levels[vo] === lastLevel(model, vo)) {
    levels[qk] = lastLevel(model, qk);
    levels[vo] = lastLevel(model, vo);
  }
}

function attentionGenes(gene: number): readonly [number, number] {
  const { index } = placeOf(gene);
  return [geneOf(index, 'qk'), geneOf(index, 'vo')];
}

/** The level at which nothing is kept. */
export function lastLevel(model: LevelModel, gene: number): number {
  const { index, kind } = placeOf(gene);
  return model.grids[index]![kind].length - 1;
}

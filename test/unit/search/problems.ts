import type { ModelShape } from '../../../src/engine/model/modelShape.ts';
import { initialSubnet } from '../../../src/engine/search/baseline.ts';
import { genomeOf, type Genome } from '../../../src/engine/search/genome.ts';
import { methodARanges, type SearchSpace } from '../../../src/engine/search/space.ts';
import {
  tailFirst,
  terrainOf,
  type SearchProblem,
  type Terrain,
} from '../../../src/engine/search/terrain.ts';
import { blockBudget } from '../../../src/engine/model/cost.ts';
import type { AttentionMasks } from '../../../src/engine/subnet/select.ts';
import { randomScores } from '../subnet/shapes.ts';

/** A search problem on random scores with the published ranges, or some replaced. */
export function problemFor(
  shape: ModelShape,
  kept: number,
  masks: AttentionMasks,
  space: Partial<SearchSpace> = {},
): SearchProblem {
  return {
    shape,
    space: { masks, ...methodARanges(kept, shape.layers), ...space },
    scores: randomScores(shape, 1),
    budget: blockBudget(shape, kept),
    blockOrder: tailFirst(shape.layers),
  };
}

/** Its terrain and the importance-initialised genome. */
export function startOf(problem: SearchProblem): { terrain: Terrain; genome: Genome } {
  const { shape, budget, scores, space } = problem;
  const terrain = terrainOf(problem);
  const initial = initialSubnet({ shape, budget, masks: space.masks }, scores);
  return { terrain, genome: genomeOf(terrain, initial) };
}

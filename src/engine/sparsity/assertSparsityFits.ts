import type { ModelShape } from '../model/modelShape.ts';
import { blockOf, isOutputMap, mapOf, MAPS, type SublayerKind } from '../model/block.ts';
import type { SparsityScope } from './linearMaps.ts';
import { assertMethodFits, type SparsityMethod } from './method.ts';
import { assertFits, type Pattern } from './pattern.ts';
import { comparedAxis } from './scoreMap.ts';

/** How a model is to be made sparse. */
export interface SparsityPlan {
  readonly method: SparsityMethod;
  /** The pattern of each block, or one for all; null leaves a block dense. */
  readonly pattern: Pattern | readonly (Pattern | null)[];
  readonly scope: SparsityScope;
}

/**
 * Refuses, before any work, what cannot be done with a model: a method that follows a gate where
 * there is none, and a pattern that leaves a remainder in any map.
 * @param narrowed  a subnet of the model, whose widths may leave remainders (see Remainder); then
 *   only groups along the model's own width must be whole
 * @throws EngineError `config`
 */
export function assertSparsityFits(shape: ModelShape, plan: SparsityPlan, narrowed: boolean): void {
  assertMethodFits(shape, plan.method);
  for (let l = 0; l < shape.layers; l++) {
    for (const kind of ['attention', 'mlp'] as const) {
      const pattern = patternOf(plan, l, kind);
      if (pattern === null) continue;
      for (const name of MAPS[kind]) {
        const map = mapOf(blockOf(shape, l), name);
        if (map === null) continue;
        const rows = comparedAxis(name, plan.method.rule) === 'rows';
        const stored = isOutputMap(name) ? map.inputs : map.outputs;
        const length = rows ? stored : shape.hidden;
        const remainder = rows && narrowed ? 'padded' : 'refused';
        assertFits(pattern, length, `block ${l}, ${name}_proj`, remainder);
      }
    }
  }
}

/** The pattern of one sublayer; null when it stays as it is. */
export function patternOf(
  { pattern, scope }: SparsityPlan,
  layer: number,
  kind: SublayerKind,
): Pattern | null {
  if (kind === 'attention' && scope === 'mlp') return null;
  return 'kind' in pattern ? pattern : (pattern[layer] ?? null);
}

import type { ModelShape } from '../model/modelShape.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import { isOutputMap, type LinearName, MAPS, type SublayerKind } from '../model/block.ts';
import type { Axis } from './scoredWeight.ts';

/** Which maps are made sparse: the MLP's, as DaSS was published, or all of a block. */
export type SparsityScope = 'mlp' | 'all';

/** The dimension of the stored weight that holds a map's inputs. */
export function inputAxis(name: LinearName): Axis {
  return isOutputMap(name) ? 'rows' : 'columns';
}

/** The maps of a sublayer that a model has, with their weights. */
export function mapsOf(
  layer: LayerWeights,
  kind: SublayerKind,
): readonly { readonly name: LinearName; readonly linear: Linear }[] {
  return MAPS[kind].flatMap((name) => {
    const linear = layer[name];
    return linear === null ? [] : [{ name, linear }];
  });
}

/** Rows of a stored weight; its columns are the model's hidden width. */
export function rowsOfMap(linear: Linear, shape: ModelShape): number {
  return linear.weight.length / shape.hidden;
}

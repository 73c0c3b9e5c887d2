import type { ModelShape } from '../checkpoint/modelShape.ts';
import type { LayerWeights, Linear } from '../checkpoint/modelWeights.ts';
import type { SublayerKind } from '../graphs/forwardPass.ts';
import type { Axis } from './scoredWeight.ts';

/** The linear maps of a block. */
export type LinearName = 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down';

/** Which maps are made sparse: the MLP's, as DaSS was published, or all of a block. */
export type SparsityScope = 'mlp' | 'all';

/** The maps of a sublayer, in the order they are applied. */
export const MAPS: Readonly<Record<SublayerKind, readonly LinearName[]>> = {
  attention: ['q', 'k', 'v', 'o'],
  mlp: ['gate', 'up', 'down'],
};

/** True for the map that ends a sublayer, whose weight is stored with its inputs as rows. */
export function isOutputMap(name: LinearName): boolean {
  return name === 'o' || name === 'down';
}

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

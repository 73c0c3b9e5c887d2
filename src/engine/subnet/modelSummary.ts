import type { ModelSummary } from '../../protocol/modelSummary.ts';
import { type ModelShape, mostQkUnits } from '../model/modelShape.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';

/** The sizes of a model as plain data, for run folders and whoever draws its masks. */
export function modelSummaryOf(shape: ModelShape): ModelSummary {
  const { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = shape;
  const { denseTotal, denseBlock } = countParameters(shape, denseSubnet(shape));
  return {
    ...{ family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab },
    qkUnits: mostQkUnits(shape),
    params: denseTotal,
    blockParams: denseBlock,
  };
}

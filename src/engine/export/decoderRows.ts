import { groupSize, type ModelShape } from '../checkpoint/modelShape.ts';
import type { MapRows } from '../quantise/quantisedModel.ts';
import type { LayerMask } from '../subnet/subnet.ts';
import { headGroups, spreadOf } from './decoderAttention.ts';
import { keptAttentionRows } from './sliceLayer.ts';

/**
 * Stored rows of a block's maps in the order of the decoder that is written. Heads of a group that
 * are narrower than it are filled up in o, −1 standing for zeros: blocks of integers lie across
 * them. Outputs of the other maps are filled up when the model is loaded.
 */
export function decoderRows(shape: ModelShape, mask: LayerMask): MapRows {
  const groups = headGroups(shape, mask);
  const heads = groups.flatMap((group) => group.heads);
  const { q, k, v, o } = keptAttentionRows(shape, heads);
  const spread = spreadOf(shape, groups, 'vo', groupSize(shape));
  const neurons = Int32Array.from(mask.mlp);
  return {
    q: Int32Array.from(q),
    k: Int32Array.from(k),
    v: Int32Array.from(v),
    o: Int32Array.from(spread === null ? o : spread.map((at) => (at < 0 ? -1 : o[at]!))),
    ...{ gate: neurons, up: neurons, down: neurons },
  };
}

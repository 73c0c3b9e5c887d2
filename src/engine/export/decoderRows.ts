import type { Block, LinearName } from '../model/block.ts';
import { rowsOf } from '../model/rows.ts';
import type { LayerMask } from '../model/subnet.ts';
import type { MapRows } from '../quantise/quantisedModel.ts';
import { headGroups, headOrder, spreadOf } from './headGroups.ts';

/**
 * Stored rows of a block's maps in the order of the decoder that is written. Heads of a group that
 * are narrower than it are filled up in o, −1 standing for zeros: blocks of integers lie across
 * them. Outputs of the other maps are filled up when the model is loaded.
 */
export function decoderRows(block: Block, mask: LayerMask): MapRows {
  const groups = headGroups(block, mask);
  const order = headOrder(groups);
  const stored = (map: LinearName): Int32Array => Int32Array.from(rowsOf(block, map, mask, order));
  const o = stored('o');
  const spread = spreadOf(block, groups, 'o');
  return {
    q: stored('q'),
    k: stored('k'),
    v: stored('v'),
    o: spread === null ? o : Int32Array.from(spread, (at) => (at < 0 ? -1 : o[at]!)),
    gate: stored('gate'),
    up: stored('up'),
    down: stored('down'),
  };
}

import {
  type MapDensity,
  type MapName,
  mapNames,
  SPARSITY_SCHEMA_VERSION,
  type SparseMap,
  type SparsityRecord,
} from '../../protocol/sparsityRecord.ts';
import { exportedMask } from '../sparsity/exportedMask.ts';
import { inputAxis } from '../sparsity/linearMaps.ts';
import { formatPattern } from '../sparsity/pattern.ts';
import { comparedAxis } from '../sparsity/scoreMap.ts';
import type { SparseLayer } from '../sparsity/sequential.ts';
import { countKept, type WeightMask } from '../sparsity/weightMask.ts';
import type { RunSparsity } from './sparsityPlan.ts';

/** How full the sparse maps of one block are. */
export function densitiesOf({ masks }: SparseLayer): MapDensity[] {
  return sparseMapsOf(masks).map(({ map, mask }) => ({
    map,
    kept: countKept(mask),
    size: mask.rows * mask.columns,
  }));
}

/**
 * Where the zeros of a model are, for its run folder.
 * @param method  the name in the config
 * @returns  the record, and the bits that it points into
 */
export function recordOf(
  layers: readonly SparseLayer[],
  method: string,
  plan: RunSparsity,
): { readonly record: SparsityRecord; readonly bits: Uint8Array } {
  const maps: SparseMap[] = [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { layer, masks, scores, refits } of layers) {
    for (const { map, mask } of sparseMapsOf(masks)) {
      const { rows, columns, bits } = exportedMask(map, mask);
      const refit = refits.find(({ name }) => name === map);
      const alongInputs = comparedAxis(map, plan.method.rule) === inputAxis(map);
      const histogram = scores[map];
      maps.push({
        ...{ block: layer, map, rows, columns, offset },
        kept: countKept(mask),
        along: alongInputs ? 'inputs' : 'outputs',
        // Rounding may leave the error of a perfect fit a little below zero.
        error:
          refit === undefined
            ? null
            : { before: Math.max(0, refit.before), after: Math.max(0, refit.after) },
        scores:
          histogram === undefined
            ? null
            : { ...histogram, kept: [...histogram.kept], removed: [...histogram.removed] },
      });
      parts.push(bits);
      offset += bits.length;
    }
  }
  const [pattern, scope] = [formatPattern(plan.pattern), plan.scope];
  const record = { schemaVersion: SPARSITY_SCHEMA_VERSION, method, pattern, scope, maps } as const;
  return { record, bits: Buffer.concat(parts, offset) };
}

function sparseMapsOf(masks: SparseLayer['masks']): { map: MapName; mask: WeightMask }[] {
  return mapNames.flatMap((map) => {
    const mask = masks[map];
    return mask === undefined ? [] : [{ map, mask }];
  });
}

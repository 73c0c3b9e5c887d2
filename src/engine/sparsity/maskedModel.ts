import type { LayerWeights } from '../checkpoint/modelWeights.ts';
import {
  eachBlock,
  type MapChanges,
  type WeightSource,
  withChanges,
} from '../checkpoint/weightSource.ts';
import type { SublayerKind } from '../model/block.ts';
import { mapsOf, type SparsityScope } from './linearMaps.ts';
import type { Pattern } from './pattern.ts';
import { maskOf, scoreMap, type ScoreRule } from './scoreMap.ts';
import type { SublayerStatistics } from './sublayerStatistics.ts';
import { masked } from './weightMask.ts';

/** Statistics of the sublayers of one block that were looked at. */
export type BlockStatistics = Readonly<Partial<Record<SublayerKind, SublayerStatistics>>>;

/** What {@link maskedModel} makes a model of. */
export interface MaskedModelRequest {
  readonly weights: WeightSource;
  /** Per block, [L]; as a sequential pass has seen them. */
  readonly statistics: readonly BlockStatistics[];
  readonly rule: ScoreRule;
  readonly alpha: number;
  readonly scope: SparsityScope;
  /** Per block, [L]; null leaves it dense. */
  readonly patterns: readonly (Pattern | null)[];
}

/**
 * A model cut to masks of known statistics, without running it: what a search over patterns judges.
 *
 * The statistics are those behind blocks of another pattern, which is the price of not running the
 * model again for every candidate.
 * @throws EngineError `config` when a pattern does not fit
 */
export async function maskedModel(request: MaskedModelRequest): Promise<WeightSource> {
  const { weights } = request;
  const changes = new Map<number, MapChanges>();
  for await (const [l, layer] of eachBlock(weights)) {
    const pattern = request.patterns[l] ?? null;
    if (pattern !== null) changes.set(l, maskedMaps(request, l, layer, pattern));
  }
  return withChanges(weights, changes);
}

function maskedMaps(
  { weights, statistics, rule, alpha, scope }: MaskedModelRequest,
  l: number,
  layer: LayerWeights,
  pattern: Pattern,
): MapChanges {
  const kinds = scope === 'all' ? (['attention', 'mlp'] as const) : (['mlp'] as const);
  const cut = kinds.flatMap((kind) =>
    mapsOf(layer, kind).map(({ name, linear }) => {
      const map = { block: `block ${l}`, name, layer, shape: weights.shape };
      const known = { ...map, statistics: statistics[l]?.[kind] ?? null };
      const mask = maskOf(scoreMap(known, rule, alpha), pattern);
      return [name, { ...linear, weight: masked(linear.weight, mask) }] as const;
    }),
  );
  return Object.fromEntries(cut);
}

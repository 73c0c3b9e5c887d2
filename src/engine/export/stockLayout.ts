import type { Loadable } from '../../protocol/loadsText.ts';
import type { SizeFields } from '../checkpoint/families/family.ts';
import { familyNamed } from '../checkpoint/families/registry.ts';
import { blockOf, hasNormsBehind, qkUnitCount } from '../model/block.ts';
import type { ModelShape } from '../model/modelShape.ts';
import { hasAttention, type LayerMask, type Subnet } from '../model/subnet.ts';
import { MODELING_CLASSES } from './modelingSubnet.ts';

/** How a subnet is described in `config.json`. */
export interface StockLayout {
  readonly loadable: Loadable;
  /** Fields of the whole model that change; only where stock programs can build it. */
  readonly overrides: Readonly<Record<string, unknown>>;
  /** Number of a kept block in the tensors' names. */
  readonly blockNumber: (layer: number) => number;
}

/** Sizes of one kept block whose heads are whole. */
interface BlockSizes {
  readonly kvHeads: number;
  readonly mlp: number;
}

/**
 * How a subnet is written for programs that know its architecture.
 *
 * Equal blocks with whole heads are a plain smaller model: its sizes go into the fields of the whole
 * model, and wholly removed blocks are left out. Everything else keeps the source's fields and needs
 * the module written beside it, which reads the masks of the `subnet` block.
 * @throws EngineError `checkpoint` for a family that is not ours
 */
export function stockLayout(shape: ModelShape, subnet: Subnet): StockLayout {
  const family = familyNamed(shape.family);
  const fields = family.sizeFields;
  const problem = whyNotStock(shape, subnet, fields);
  if (problem !== null) {
    const ownCode = MODELING_CLASSES.has(shape.family);
    const loadable = { transformers: false, reason: problem, ownCode };
    return { loadable, overrides: {}, blockNumber: (layer) => layer };
  }
  const kept = subnet.layers.flatMap((mask, l) => (isRemoved(mask) ? [] : [l]));
  const sizes = sizesOf(subnet.layers[kept[0]!]!);
  return {
    loadable: {
      transformers: true,
      reason: 'All blocks have the same sizes and whole heads: it is a plain smaller model.',
      ownCode: false,
    },
    overrides: {
      ...uniformFields(shape, fields, sizes, kept.length),
      ...(kept.length < shape.layers
        ? family.blockFields?.(kept.map((layer) => blockOf(shape, layer)))
        : {}),
    },
    blockNumber: (layer) => kept.indexOf(layer),
  };
}

function whyNotStock(shape: ModelShape, subnet: Subnet, fields: SizeFields): string | null {
  const kept = subnet.layers.filter((mask) => !isRemoved(mask));
  const partial = subnet.layers.some((mask, l) => {
    const { attention } = blockOf(shape, l);
    const units = qkUnitCount(attention);
    return mask.heads.some(
      ({ qk, vo }) => qk.length > 0 && (qk.length < units || vo.length < attention.headDim),
    );
  });
  if (partial) {
    return 'Attention channels were pruned inside heads, which stock transformers cannot build.';
  }
  if (kept.length < shape.layers && hasNormsBehind(shape)) {
    return 'Removed blocks leave the norms behind their sublayers, which stock transformers cannot build alone.';
  }
  if (kept.length === 0) return 'No block is left, which stock transformers cannot build.';
  if (kept.some((mask) => !hasAttention(mask) || mask.mlp.length === 0)) {
    return 'Some blocks lack attention or the MLP, which stock transformers cannot build.';
  }
  const first = sizesOf(kept[0]!);
  const equal = kept.every((mask) => {
    const { kvHeads, mlp } = sizesOf(mask);
    return kvHeads === first.kvHeads && mlp === first.mlp;
  });
  if (!equal) return 'Blocks have different sizes, which stock transformers cannot build yet.';
  const heads = (first.kvHeads * shape.heads) / shape.kvHeads;
  if (heads < shape.heads && fields.headDim === null) {
    return 'Heads were removed, and this architecture ties the width of a head to their number.';
  }
  if (heads < shape.heads && shape.hidden % heads !== 0) {
    return `${heads} heads do not divide the width ${shape.hidden}, as stock transformers demands.`;
  }
  return null;
}

function uniformFields(
  shape: ModelShape,
  fields: SizeFields,
  { kvHeads, mlp }: BlockSizes,
  blocks: number,
): Record<string, number> {
  const changed: Record<string, number> = {};
  if (blocks < shape.layers) changed[fields.layers] = blocks;
  if (mlp < shape.intermediate) changed[fields.mlp] = mlp;
  if (kvHeads < shape.kvHeads) {
    Object.assign(changed, headFields(shape, fields, kvHeads));
    if (fields.headDim !== null) changed[fields.headDim] = shape.headDim;
  }
  return changed;
}

function headFields(
  shape: ModelShape,
  fields: SizeFields,
  kvHeads: number,
): Record<string, number> {
  const heads = { [fields.heads]: (kvHeads * shape.heads) / shape.kvHeads };
  return fields.kvHeads === null ? heads : { ...heads, [fields.kvHeads]: kvHeads };
}

function sizesOf(mask: LayerMask): BlockSizes {
  const kvHeads = mask.heads.filter(({ qk }) => qk.length > 0).length;
  return { kvHeads, mlp: mask.mlp.length };
}

function isRemoved(mask: LayerMask): boolean {
  return !hasAttention(mask) && mask.mlp.length === 0;
}

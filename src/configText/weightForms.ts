import type { DefaultedConfig } from '../protocol/configDefaults.ts';
import { keptShare, readPattern } from '../protocol/sparsityPattern.ts';
import { bytesText } from '../protocol/sizeText.ts';
import { percentWords } from './figures.ts';
import type { ModelFacts } from './modelFacts.ts';

/** Patterns worth a look, those of the papers first. */
export const PATTERNS: readonly string[] = ['2:4', '4:8', '8:16', '50%', '60%'];

/** Sizes of a group that integers come in, the default first. */
export const GROUP_SIZES: readonly number[] = [32, 64, 128, 16, 256];

/** Bytes of the scale of a group of integers. */
const SCALE_BYTES = 2;

/** What a pattern does, in a few words; empty for none. */
export function patternWords(text: string): string {
  const pattern = readPattern(text);
  if (pattern.kind === 'flaw') return '';
  if (pattern.kind === 'unstructured') {
    return `${percentWords(pattern.fraction)} of a group is zero`;
  }
  return `${pattern.n} of ${pattern.m} neighbours stay`;
}

/** True for a config that puts zeros into weights. */
export function isSparse({ sparsify }: Pick<DefaultedConfig, 'sparsify'>): boolean {
  return sparsify.method !== 'none';
}

/**
 * What a pattern keeps and brings, as a label and a tooltip.
 * @param config  sparse and without problems
 */
export function sparseWords(config: DefaultedConfig, model: ModelFacts | null): [string, string] {
  const { ratio, sparsify } = config;
  const pattern = readPattern(sparsify.pattern);
  const kept = pattern.kind === 'flaw' ? 1 : keptShare(pattern);
  const honest = 'ONNX Runtime computes zeros like any number: they save space, not time.';
  if (model === null) return [`${patternWords(sparsify.pattern)} · no faster`, honest];
  const { params, blockParams } = model.summary;
  const sparse = sparsify.scope === 'all' ? 1 : mlpShare(model);
  const share = ratio * (1 - sparse * (1 - kept));
  const perParam = model.bytes / params;
  const packed = ratio * blockParams * sparse;
  const whole = params - blockParams * (1 - ratio);
  // A bit for each weight says whether it is there.
  const bytes = (whole - packed) * perParam + packed * (kept * perParam + 1 / 8);
  const size = `${bytesText(bytes)} instead of ${bytesText(model.bytes)} (${percentWords(bytes / model.bytes)})`;
  return [
    `keeps ${percentWords(share)} of block weights · no faster`,
    `${honest}\n\nStored without its zeros ("export.compressed"), the checkpoint takes about ${size}, the places of its weights included.`,
  ];
}

/** What integers cost and bring on disk, as a label and a tooltip; null without them or a model. */
export function integerWords(
  config: DefaultedConfig,
  model: ModelFacts | null,
): [string, string] | null {
  const { quantise, groupSize } = config.export;
  if (quantise === 'none' || model === null) return null;
  const { params, blockParams } = model.summary;
  const perParam = model.bytes / params;
  const perWeight = (quantise === 'int4' ? 0.5 : 1) + SCALE_BYTES / groupSize;
  const bytes = (params - blockParams) * perParam + config.ratio * blockParams * perWeight;
  return [
    `≈ ${bytesText(bytes)} instead of ${bytesText(model.bytes)}`,
    `${8 * perWeight} bits a weight in the linear maps of the ONNX decoder, the scales of groups of ${groupSize} included; embeddings and norms stay as they are. Zeros are stored like any number there.`,
  ];
}

/** Share of the block parameters that the MLPs hold. */
function mlpShare({ summary, gated }: ModelFacts): number {
  const { layers, hidden, intermediate, blockParams } = summary;
  return Math.min(1, (layers * (gated ? 3 : 2) * hidden * intermediate) / blockParams);
}

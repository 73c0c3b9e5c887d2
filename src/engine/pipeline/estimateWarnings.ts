import type { EstimateReport } from '../../protocol/estimate.ts';
import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import { bytesText, digitsText } from '../../protocol/sizeText.ts';
import type { WindowCounts } from './estimateWindows.ts';
import { isSparsityOnly, ZEROS_TAKE_TIME } from './sparsityPlan.ts';

/** What else a warning may rest on. */
export interface WarningFacts {
  readonly config: ResolvedConfig;
  readonly counts: WindowCounts;
  /** Name of a run made from the same config text; null without one. */
  readonly identical: string | null;
}

/** The paper's kept shares. */
const [LEAST_RATIO, MOST_RATIO] = [0.5, 0.9];
/** A fit of n inputs has n unknowns per output; with few tokens for each it follows their noise. */
const TOKENS_PER_INPUT = 8;
/** Below this many tokens a perplexity is known to a few per cent only. */
const FEW_HELDOUT_TOKENS = 10_000;
/** A core of a desktop computer does more, GFLOP/s. */
const SLOW_GFLOPS = 20;
/** A run that takes longer is worth a word, ms. */
const LONG_MS = 12 * 3_600_000;

/** What a user should know before the run starts; whole sentences. */
export function warningsOf(
  report: Omit<EstimateReport, 'warnings'>,
  facts: WarningFacts,
): string[] {
  return [
    ...ratioWarnings(facts.config),
    ...textWarnings(report, facts),
    ...machineWarnings(report),
    ...sparsityWarnings(facts.config),
    ...exportWarnings(facts.config),
    ...(facts.identical === null
      ? []
      : [`The run ${facts.identical} was made from the very same config.`]),
  ];
}

function ratioWarnings(config: ResolvedConfig): string[] {
  const { ratio } = config;
  if ((ratio >= LEAST_RATIO && ratio <= MOST_RATIO) || isSparsityOnly(config)) return [];
  if (ratio === 1) return ['A ratio of 1 keeps everything, so there is nothing to search.'];
  const side = ratio < LEAST_RATIO ? 'below' : 'above';
  return [
    `A ratio of ${ratio} is ${side} what the paper tried (0.5 to 0.9); the search ranges are extrapolated.`,
  ];
}

function textWarnings(
  report: Omit<EstimateReport, 'warnings'>,
  { config, counts }: WarningFacts,
): string[] {
  const { calibration, heldout } = counts;
  const warnings: string[] = [];
  const tokens = calibration[0] * calibration[1];
  const inputs = report.widths.mlp;
  if (tokens < TOKENS_PER_INPUT * inputs) {
    warnings.push(
      `${tokens} calibration tokens are few for layers of ${inputs} inputs; give a longer text or more windows.`,
    );
  } else if (counts.exact && calibration[0] < config.calibration.windows) {
    warnings.push(
      `The text has ${calibration[0]} calibration windows, not the ${config.calibration.windows} asked for.`,
    );
  }
  const judged = heldout[0] * heldout[1];
  if (judged < FEW_HELDOUT_TOKENS) {
    warnings.push(`${judged} held-out tokens give perplexities that are only roughly right.`);
  }
  if (!counts.exact) warnings.push('The texts are large, so their windows are extrapolated.');
  return warnings;
}

function machineWarnings(report: Omit<EstimateReport, 'warnings'>): string[] {
  const { memory, disk, device, totalMs } = report;
  return [
    ...(memory.fits
      ? []
      : [
          `It needs about ${bytesText(memory.peakBytes)} of memory, and ${bytesText(memory.freeBytes)} are free.`,
        ]),
    ...(disk.fits
      ? []
      : [
          `It writes about ${bytesText(disk.neededBytes)}, and the disk has ${bytesText(disk.freeBytes)} left.`,
        ]),
    ...(device.gflops !== null && device.gflops < SLOW_GFLOPS
      ? [`The device is slow (${digitsText(device.gflops, 2)} GFLOP/s).`]
      : []),
    ...(totalMs > LONG_MS
      ? [`It takes about ${Math.round(totalMs / 3_600_000)} hours; "preset": "quick" is shorter.`]
      : []),
  ];
}

function sparsityWarnings({ sparsify }: ResolvedConfig): string[] {
  return sparsify.method === 'none' ? [] : [ZEROS_TAKE_TIME];
}

function exportWarnings({ export: forms, ratio }: ResolvedConfig): string[] {
  if (!forms.checkpoint || ratio === 1) return [];
  return [
    'Blocks will have uneven widths: stock transformers cannot load the checkpoint without the module written beside it.',
  ];
}

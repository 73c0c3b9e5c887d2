import type { ResolvedConfig } from '../../protocol/runConfig.ts';
import type { RunEventBody } from '../../protocol/runEvent.ts';
import { checkpointBytes, ratesOf } from './estimateRun.ts';
import type { WindowCounts } from './estimateWindows.ts';
import { estimateStages } from './estimateStages.ts';
import type { TokenPlan } from './tokenPlan.ts';
import type { Workbench } from './workbench.ts';

/** Counts of the windows of a run whose texts have been read. */
export function countsOf({ calibration, search, heldout }: TokenPlan): WindowCounts {
  const counted = (windows: readonly Uint32Array[]): readonly [number, number] => [
    windows.length,
    windows[0]?.length ?? 0,
  ];
  return {
    ...{ calibration: counted(calibration), search: counted(search), heldout: counted(heldout) },
    // The stage that reads the texts is almost over by now.
    ...{ exact: true, textBytes: 0 },
  };
}

/**
 * The stages of a run and what each is expected to take, from its own device and windows.
 * @returns  ms, in the order of the stages
 */
export function plannedTimes(
  config: ResolvedConfig,
  { checkpoint, device, weights }: Workbench,
  tokens: TokenPlan,
): (RunEventBody & { readonly kind: 'stagesPlanned' })['stages'] {
  const counts = countsOf(tokens);
  const chosen = device.reports.find((report) => report.chosen)!;
  return estimateStages({
    ...{ shape: weights.shape, config, counts, checkpointBytes: checkpointBytes(checkpoint) },
    ...ratesOf(device.reports, chosen),
  }).map(({ stage, ms }) => ({ stage, ms }));
}

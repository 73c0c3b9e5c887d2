import { namedMaskKeys } from '../../dashboard/reader/runMasks.ts';
import type { Figure, SubnetReport } from '../../protocol/runRecord.ts';
import { unitLayout } from '../../protocol/unitLayout.ts';
import { finalFigure } from './runDigest.ts';
import type { RunEntry } from './runEntry.ts';

/** A subnet config that a run has written. */
export interface SubnetFile {
  /** Absolute path. */
  readonly path: string;
  /** Subnet key; null for the subnet that the run itself exports: see {@link bestSubnetKey}. */
  readonly key: string | null;
  readonly label: string;
  /** What was measured of it, when it was. */
  readonly figure: Figure | null;
}

/** All subnet configs that a run has written, its own first. */
export function subnetConfigOf(run: RunEntry): SubnetFile[] {
  const { digest } = run;
  const own = digest.exports
    .filter(({ form }) => form === 'subnet')
    .map(({ path }) => ({ path, key: null, label: run.home, figure: finalFigure(digest) }));
  const others = Object.values(digest.subnets).flatMap((report) =>
    report.exports
      .filter(({ form }) => form === 'subnet')
      .map(({ path }) => ({
        ...{ path, key: report.key, label: report.key.slice(0, 6) },
        figure: figureOf(report),
      })),
  );
  return [...own, ...others];
}

/**
 * Key of the subnet that a run itself reforms and exports: the result of its search, or of its scores
 * where it does not search. Read from the run's masks, which takes a moment for deep models; so only
 * when something is asked of that run.
 * @returns null while the run has none
 */
export function bestSubnetKey({ folder, manifest }: RunEntry): string | null {
  const { model } = manifest;
  if (model === undefined) return null;
  const { searched, initialised } = namedMaskKeys(folder, unitLayout(model));
  return searched ?? initialised ?? null;
}

function figureOf(report: SubnetReport): Figure | null {
  return report.reformed ?? report.figure;
}

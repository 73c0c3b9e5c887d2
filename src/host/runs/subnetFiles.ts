import type { Figure, SubnetReport } from '../../protocol/runRecord.ts';
import { finalFigure } from './runDigest.ts';
import type { RunEntry } from './runEntry.ts';

/** A subnet config that a run has written. */
export interface SubnetFile {
  /** Absolute path. */
  readonly path: string;
  /** Subnet key; null for the best of the search, which the run itself exports. */
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

function figureOf(report: SubnetReport): Figure | null {
  return report.reformed ?? report.figure;
}

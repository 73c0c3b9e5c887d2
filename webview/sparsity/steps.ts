import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { figureTitles, type FigureName } from '../../src/protocol/runWords.ts';
import { quantisedTo } from '../data/sparseRun.ts';

/** One step of a run from the dense model to what is written. */
export interface Step {
  readonly name: FigureName;
  readonly label: string;
  readonly figure: Figure;
  /** Block parameters that are not zero, as a share of those of the dense model; null when unknown. */
  readonly keptShare: number | null;
}

/** Steps in the order in which a run takes them; controls are none. */
const order: readonly FigureName[] = ['dense', 'searched', 'reformed', 'sparse', 'quantised'];

/** The measured steps of a run. */
export function stepsOf(run: RunSnapshot): readonly Step[] {
  const { figures, densities } = run.model;
  const zeros = densities.flat().reduce((sum, { kept, size }) => sum + size - kept, 0);
  const dense = figures.dense?.blockParams ?? run.head.model?.blockParams ?? 0;
  return order.flatMap((name) => {
    const figure = figures[name];
    if (figure === undefined) return [];
    const hasZeros = name === 'sparse' || (name === 'quantised' && figures.sparse !== undefined);
    const nonzero = figure.blockParams - (hasZeros ? zeros : 0);
    const unknown = dense === 0 || (hasZeros && densities.length === 0);
    const label = name === 'quantised' ? quantisedTo(run) : figureTitles[name];
    return [{ name, label, figure, keptShare: unknown ? null : nonzero / dense }];
  });
}

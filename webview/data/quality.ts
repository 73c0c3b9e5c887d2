import { lastFigure } from '../../src/dashboard/model/lastFigure.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import type { Figure } from '../../src/protocol/runRecord.ts';
import { figureNames, figureTitles, type FigureName } from '../../src/protocol/runWords.ts';
import { shortKey } from '../format.ts';
import type { SizeAxis } from '../selection.ts';

/** A model with its measured figures: a point of the quality plot. */
export interface QualityPoint {
  readonly label: string;
  /** Gives the point its shape. */
  readonly kind: FigureName | 'subnet' | 'subnetReformed';
  /** The subnet behind it, when it is one that can be selected. */
  readonly key: string | null;
  readonly figure: Figure;
}

/** What a model of a run's table is. @param ofLevels  whether the run searched levels */
export function figureHelp(name: FigureName, ofLevels: boolean): string {
  const isStart = name === 'initialised' && ofLevels;
  return isStart ? 'Every sublayer refitted at the same share of its width' : figureWords[name];
}

const figureWords: Readonly<Record<FigureName, string>> = {
  dense: 'The model as it was given',
  random: 'A random subnet of the same size: the control',
  initialised: 'The subnet that the scores suggest',
  searched: 'The best subnet of the search',
  reformed: 'The best subnet with reformed weights',
  sparse: 'The subnet with zeros in its weights',
  quantised: 'The exported decoder with integer weights',
};

/** Every model of a run that was measured. */
export function qualityPoints(run: RunSnapshot): readonly QualityPoint[] {
  const { figures, subnets } = run.model;
  const { masks } = run;
  const keys: Partial<Record<FigureName, string | undefined>> = {
    ...masks,
    reformed: masks.searched,
  };
  const points: QualityPoint[] = figureNames.flatMap((kind) => {
    const figure = figures[kind];
    if (figure === undefined) return [];
    return [{ label: figureTitles[kind], kind, key: keys[kind] ?? null, figure }];
  });
  const named = new Set(Object.values(masks));
  for (const { key, figure, reformed } of Object.values(subnets)) {
    const label = shortKey(key);
    if (figure !== null && !named.has(key)) points.push({ label, kind: 'subnet', key, figure });
    if (reformed !== null && !(key === masks.searched && figures.reformed !== undefined)) {
      points.push({ label: `${label} reformed`, kind: 'subnetReformed', key, figure: reformed });
    }
  }
  return points;
}

/**
 * The points no other point beats in both size and perplexity, from small to large.
 * @param axis  what counts as size
 */
export function paretoFront(
  points: readonly QualityPoint[],
  axis: SizeAxis,
): readonly QualityPoint[] {
  const sorted = points
    .flatMap((point) => {
      const { perplexity } = point.figure;
      return perplexity === null ? [] : [{ point, size: point.figure[axis], perplexity }];
    })
    .sort((a, b) => a.size - b.size || a.perplexity - b.perplexity);
  const front: QualityPoint[] = [];
  let best = Infinity;
  for (const { point, perplexity } of sorted) {
    if (perplexity >= best) continue;
    best = perplexity;
    front.push(point);
  }
  return front;
}

/** The measured model a run ends with, for its headline; null before one is measured. */
export function outcomeOf(
  run: RunSnapshot,
): { readonly name: FigureName; readonly figure: Figure } | null {
  return lastFigure(run.model.figures);
}

import type { FitnessSeries } from '../data/fitnessSeries.ts';
import { fitnessRange } from '../data/fitnessRange.ts';
import { niceRange } from '../data/niceScale.ts';
import { formatTick } from '../format.ts';
import type { XAxis } from '../selection.ts';
import type { Theme } from '../theme.ts';
import { xAxisSpec } from './fitnessChart.ts';
import type { LegendEntry } from './legend.ts';
import { createPlot } from './plot.ts';

/** What the plot shows: the best so far of each run. */
export interface CurvesPicture {
  readonly runs: readonly { readonly name: string; readonly series: FitnessSeries }[];
  readonly axis: XAxis;
  readonly logarithmic: boolean;
  readonly fitness: string;
  readonly theme: Theme;
}

/** Runs over one another. */
export interface CurvesChart {
  draw(picture: CurvesPicture): void;
  dispose(): void;
}

const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3], [4, 2]] as const;

/** Makes the plot in a canvas that is on the page. */
export function createCurvesChart(canvas: HTMLCanvasElement): CurvesChart {
  const plot = createPlot(canvas, {});
  return {
    draw({ runs, axis, logarithmic, fitness, theme }) {
      const ends = runs.map(({ series }) => series.xs.at(-1) ?? 0);
      const values = runs.flatMap(({ series }) => series.best.map(({ y }) => y));
      const y = fitnessRange(values, null, logarithmic);
      const x = niceRange(0, Math.max(...ends, axis === 'time' ? 1000 : 1), 10);
      plot.draw({
        x: xAxisSpec(axis, 0, x.max),
        y: { title: `${fitness} (lower is better)`, ...y, logarithmic, tick: formatTick },
        lines: runs.map(({ series }, at) => ({
          points: series.best,
          colour: colourOf(theme, at),
          width: 2,
          dash: dashOf(at),
          stepped: true,
        })),
        theme,
      });
    },
    dispose() {
      plot.dispose();
    },
  };
}

/** The legend of runs over one another. */
export function curvesLegend(names: readonly string[], theme: Theme): LegendEntry[] {
  return names.map((label, at) => ({
    label,
    colour: colourOf(theme, at),
    mark: { kind: 'line', dash: dashOf(at) },
  }));
}

function colourOf(theme: Theme, at: number): string {
  return theme.series[at % theme.series.length]!;
}

function dashOf(at: number): readonly number[] {
  return dashes[at % dashes.length]!;
}

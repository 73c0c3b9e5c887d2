import { lastFigure } from '../../src/dashboard/model/lastFigure.ts';
import { runTime } from '../../src/dashboard/model/runTime.ts';
import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';
import { perplexityValue } from '../../src/protocol/perplexity.ts';
import { figureTitles } from '../../src/protocol/runWords.ts';
import { formatBytes, formatChange, formatScore, formatSpan } from '../format.ts';

/**
 * What came out of a finished run, in a sentence: quality and size beside those of the dense model, and
 * the time that it took.
 * @returns  empty when nothing was evaluated
 */
export function resultText({ model }: RunSnapshot): string {
  const outcome = lastFigure(model.figures);
  if (outcome === null) return '';
  const { name, figure } = outcome;
  const { dense } = model.figures;
  const beside = (
    of: (one: typeof figure) => number,
    format: (value: number) => string,
  ): string => {
    if (dense === undefined) return format(of(figure));
    const [from, to] = [of(dense), of(figure)];
    const change = formatChange(from, to);
    return `${format(to)} (dense ${format(from)}${change === '' ? '' : `, ${change}`})`;
  };
  const parts = [
    `held-out perplexity ${beside((one) => perplexityValue(one.perplexity), formatScore)}`,
    `size ${beside((one) => one.bytes, formatBytes)}`,
    `time ${formatSpan(runTime(model, false, model.lastMs ?? 0).elapsedMs)}`,
  ];
  return `${figureTitles[name]}: ${parts.join(', ')}.`;
}

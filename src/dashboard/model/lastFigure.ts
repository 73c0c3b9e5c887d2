import type { Figure } from '../../protocol/runRecord.ts';
import type { FigureName } from '../../protocol/runWords.ts';

/** What a run makes of the dense model, the last step first. Controls are no steps. */
const steps = ['quantised', 'sparse', 'reformed', 'searched', 'initialised'] as const;

/**
 * The measured model that a run ends with, for its headline and its row in a list.
 * @returns null before one was measured
 */
export function lastFigure(
  figures: Readonly<Partial<Record<FigureName, Figure | null>>>,
): { readonly name: FigureName; readonly figure: Figure } | null {
  for (const name of steps) {
    const figure = figures[name];
    if (figure !== undefined && figure !== null) return { name, figure };
  }
  return null;
}

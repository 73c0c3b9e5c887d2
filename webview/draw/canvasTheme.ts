import { contrast, mix, parseColour, parseOpaque, type Rgb } from './colour.ts';

/** The editor's theme as a canvas needs it. */
export interface CanvasTheme {
  readonly highContrast: boolean;
  readonly background: Rgb;
  readonly foreground: Rgb;
  /** For labels that should stand back. */
  readonly faint: Rgb;
  /** Frames and separators. */
  readonly line: Rgb;
  readonly focus: Rgb;
  /** A unit that stays, and one that was gained. */
  readonly kept: Rgb;
  /** A unit that goes, below its hatching. */
  readonly removed: Rgb;
  /** A unit that was lost: an orange, whatever the theme. */
  readonly lost: Rgb;
  readonly hatch: Rgb;
  /** CSS font of labels and of figures, at the editor's size less one. */
  readonly font: string;
}

/** Reads the theme from the CSS variables that the editor sets on the page. */
export function readCanvasTheme(element: HTMLElement): CanvasTheme {
  const style = getComputedStyle(element);
  const { classList } = element.ownerDocument.body;
  const highContrast =
    classList.contains('vscode-high-contrast') || classList.contains('vscode-high-contrast-light');
  const read = (name: string): string => style.getPropertyValue(`--vscode-${name}`).trim();
  return themeOf(read, highContrast);
}

/**
 * The theme that the editor's variables describe, with stand-ins for those it does not set.
 * @param read  value of a variable without its `--vscode-`; empty when it is not set
 */
export function themeOf(read: (name: string) => string, highContrast: boolean): CanvasTheme {
  const background = parseColour(read('editor-background')) ?? [30, 30, 30];
  const colour = (names: readonly string[], otherwise: Rgb): Rgb => {
    for (const name of names) {
      const found = parseColour(read(name), background);
      if (found !== null) return found;
    }
    return otherwise;
  };
  const foreground = colour(['foreground', 'editor-foreground'], [204, 204, 204]);
  const line = colour(
    highContrast ? ['contrastBorder'] : ['panel-border', 'widget-border'],
    mix(background, foreground, 0.2),
  );
  const size = Number.parseFloat(read('font-size')) || 13;
  return {
    highContrast,
    background,
    foreground,
    faint: highContrast
      ? foreground
      : colour(['descriptionForeground'], mix(background, foreground, 0.7)),
    line,
    focus: colour(['focusBorder'], foreground),
    kept: seen(parseOpaque(read('charts-blue')) ?? BLUE, background, foreground),
    removed: mix(background, foreground, highContrast ? 0 : 0.06),
    lost: seen(orange(parseOpaque(read('charts-orange'))), background, foreground),
    hatch: mix(background, foreground, highContrast ? 1 : 0.42),
    font: `${Math.max(10, size - 2)}px ${read('font-family') || 'sans-serif'}`,
  };
}

const BLUE: Rgb = [55, 148, 255];
const ORANGE: Rgb = [209, 121, 10];

/** A theme's orange, unless it is none: in some themes it is a blue, which stands for kept. */
function orange(colour: Rgb | null): Rgb {
  return colour !== null && colour[0] > colour[2] + 60 ? colour : ORANGE;
}

/** The colour, moved towards the foreground until it stands out from the background. */
function seen(colour: Rgb, background: Rgb, foreground: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.1) {
    const moved = mix(colour, foreground, share);
    if (contrast(moved, background) >= 3) return moved;
  }
  return foreground;
}

import { contrast, css, mix, parseColour, type Rgb } from './draw/colour.ts';

/** The colours a canvas needs, read from the variables of the editor. */
export interface Theme {
  readonly kind: 'dark' | 'light' | 'highContrast' | 'highContrastLight';
  readonly reducedMotion: boolean;
  readonly fontFamily: string;
  readonly background: string;
  readonly foreground: string;
  /** Words beside the figures. */
  readonly muted: string;
  /** Lines of a grid. */
  readonly line: string;
  /** The one accent. */
  readonly accent: string;
  readonly focus: string;
  /** Colours of series, told apart by shape or dash as well. */
  readonly series: readonly [string, string, string, string, string];
}

/** Reads the theme that holds now. */
export function readTheme(): Theme {
  const { body } = document;
  const style = getComputedStyle(body);
  const read = (otherwise: string, ...names: readonly string[]): string => {
    for (const name of names) {
      const value = style.getPropertyValue(`--vscode-${name}`).trim();
      if (value !== '') return value;
    }
    return otherwise;
  };
  const foreground = read('#888888', 'foreground', 'editor-foreground');
  const kind = kindOf(body.classList);
  const high = kind === 'highContrast' || kind === 'highContrastLight';
  const background = read('#ffffff', 'editor-background');
  const series = (...names: readonly string[]): string =>
    seen(read(foreground, ...names), background, foreground);
  return {
    kind,
    reducedMotion:
      body.classList.contains('vscode-reduce-motion') ||
      matchMedia('(prefers-reduced-motion: reduce)').matches,
    fontFamily: read('sans-serif', 'font-family'),
    background,
    foreground,
    muted: high ? foreground : read(foreground, 'descriptionForeground'),
    line: high
      ? faded(foreground, background)
      : read('rgba(128, 128, 128, 0.25)', 'panel-border', 'widget-border', 'charts-lines'),
    accent: seen(read(foreground, 'charts-blue', 'textLink-foreground'), background, foreground),
    focus: read(foreground, 'focusBorder'),
    series: [
      series('charts-blue'),
      series('charts-orange', 'charts-yellow'),
      series('charts-purple'),
      series('charts-green'),
      series('foreground'),
    ],
  };
}

/**
 * Calls the listener whenever the editor takes another theme.
 * @returns a function that stops that
 */
export function onThemeChange(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  const watched = { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id', 'style'] };
  observer.observe(document.body, watched);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
  return () => {
    observer.disconnect();
  };
}

/**
 * A colour of a series as it can be seen: opaque, and with a contrast of 3 to the background. Some of the
 * editor's own chart colours are one third opaque.
 */
function seen(colour: string, background: string, foreground: string): string {
  const [black, white] = [parseColour(colour, [0, 0, 0]), parseColour(colour, [255, 255, 255])];
  const under = parseColour(background);
  const towards = parseColour(foreground);
  if (black === null || white === null || under === null || towards === null) return colour;
  const alpha = Math.max(0.05, 1 - (white[0] - black[0]) / 255);
  const channel = (at: 0 | 1 | 2): number => Math.min(255, Math.round(black[at] / alpha));
  const opaque: Rgb = [channel(0), channel(1), channel(2)];
  for (let share = 0; share < 1; share += 0.1) {
    const moved = mix(opaque, towards, share);
    if (contrast(moved, under) >= 3) return css(moved);
  }
  return foreground;
}

/** A line of a grid that does not compete with what is drawn on it. */
function faded(colour: string, background: string): string {
  const [over, under] = [parseColour(colour), parseColour(background)];
  return over === null || under === null ? colour : css(mix(under, over, 0.3));
}

function kindOf(classes: DOMTokenList): Theme['kind'] {
  if (classes.contains('vscode-high-contrast-light')) return 'highContrastLight';
  if (classes.contains('vscode-high-contrast')) return 'highContrast';
  return classes.contains('vscode-light') ? 'light' : 'dark';
}

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
  return {
    kind,
    reducedMotion:
      body.classList.contains('vscode-reduce-motion') ||
      matchMedia('(prefers-reduced-motion: reduce)').matches,
    fontFamily: read('sans-serif', 'font-family'),
    background: read('#ffffff', 'editor-background'),
    foreground,
    muted: high ? foreground : read(foreground, 'descriptionForeground'),
    line: high
      ? read(foreground, 'contrastBorder')
      : read('rgba(128, 128, 128, 0.25)', 'panel-border', 'widget-border', 'charts-lines'),
    accent: read(foreground, 'charts-blue', 'textLink-foreground'),
    focus: read(foreground, 'focusBorder'),
    series: [
      read(foreground, 'charts-blue'),
      read(foreground, 'charts-orange'),
      read(foreground, 'charts-purple'),
      read(foreground, 'charts-green'),
      read(foreground, 'charts-yellow'),
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

function kindOf(classes: DOMTokenList): Theme['kind'] {
  if (classes.contains('vscode-high-contrast-light')) return 'highContrastLight';
  if (classes.contains('vscode-high-contrast')) return 'highContrast';
  return classes.contains('vscode-light') ? 'light' : 'dark';
}

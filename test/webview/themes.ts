import { readFileSync } from 'node:fs';
import type { ThemeName } from '../vscode/workbench.ts';

/** What VS Code tells a webview of its theme. */
export interface PageTheme {
  /** `data-vscode-theme-kind` of the body. */
  readonly kind: string;
  /** `data-vscode-theme-id` of the body. */
  readonly id: string;
  /** Classes of the body. */
  readonly classes: readonly string[];
  /** Custom properties of the root element. */
  readonly variables: Readonly<Record<string, string>>;
}

/** The four kinds of theme as `npm run themes` read them out of a real webview. */
export const pageThemes = JSON.parse(
  readFileSync(new URL('fixtures/themes.json', import.meta.url), 'utf8'),
) as Readonly<Record<ThemeName, PageTheme>>;

/** Names of the themes. */
export const themeNames = Object.keys(pageThemes) as readonly ThemeName[];

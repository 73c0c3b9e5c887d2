import type { ComparisonContent } from '../../src/protocol/comparisonPanelApi.ts';
import { methodScopes, type MethodScope } from '../data/methodRows.ts';
import type { Zoom } from '../selection.ts';
import { zoomOf } from '../selection.ts';

/** What the user has chosen to look at: all that outlives a reload. */
export interface MethodsSelection {
  readonly version: 1;
  readonly view: 'methods';
  /** Absolute path of the config shown last, so that a restored panel can be filled. */
  readonly configPath: string | null;
  /** Null for every scope. */
  readonly scope: MethodScope | null;
  /** Null for every pattern. */
  readonly pattern: string | null;
  readonly logarithmic: boolean;
  readonly zoom: Zoom | null;
  /** Methods that are not drawn. */
  readonly hidden: readonly string[];
  readonly asTable: boolean;
}

/** Everything the page shows. */
export interface MethodsState {
  readonly content: ComparisonContent | null;
  /** Why there is nothing to show; null otherwise. */
  readonly problem: string | null;
  readonly selection: MethodsSelection;
}

/** A part of the page. It is told every state, and draws what differs. */
export interface MethodsView {
  readonly element: HTMLElement;
  update(state: MethodsState): void;
}

/** What a new page shows. */
export const firstMethodsSelection: MethodsSelection = {
  ...{ version: 1, view: 'methods', configPath: null, scope: null, pattern: null },
  ...{ logarithmic: false, zoom: null, hidden: [], asTable: false },
};

/** Most methods that are remembered as hidden. */
const MOST_HIDDEN = 32;

/** The selection that was stored, each part of it only when it is what it should be. */
export function restoredMethodsSelection(stored: unknown): MethodsSelection {
  if (typeof stored !== 'object' || stored === null) return firstMethodsSelection;
  const value = stored as Record<string, unknown>;
  if (value['version'] !== 1 || value['view'] !== 'methods') return firstMethodsSelection;
  const { configPath, pattern, hidden } = value;
  const isName = (one: unknown): one is string => typeof one === 'string' && one.length <= 40;
  return {
    ...firstMethodsSelection,
    configPath: typeof configPath === 'string' && configPath.length <= 4096 ? configPath : null,
    scope: methodScopes.find((scope) => scope === value['scope']) ?? null,
    pattern: isName(pattern) ? pattern : null,
    logarithmic: value['logarithmic'] === true,
    zoom: zoomOf(value['zoom']),
    hidden: Array.isArray(hidden) ? hidden.filter(isName).slice(0, MOST_HIDDEN) : [],
    asTable: value['asTable'] === true,
  };
}

/** The state with new content of the host. */
export function withContent(state: MethodsState, content: ComparisonContent): MethodsState {
  const configPath = content.table?.configPath ?? state.selection.configPath;
  const selection =
    configPath === state.selection.configPath
      ? state.selection
      : { ...state.selection, configPath };
  return { content, problem: null, selection };
}

/** The state with something else looked at; another scope or axis shows all of it. */
export function withChosen(state: MethodsState, chosen: Partial<MethodsSelection>): MethodsState {
  return { ...state, selection: { ...state.selection, ...chosen } };
}

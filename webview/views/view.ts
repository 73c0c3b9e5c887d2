import type { ConfigView, MaskRef, PanelAction } from '../../src/protocol/panelApi.ts';
import type { MapName, SparsityRecord } from '../../src/protocol/sparsityRecord.ts';
import type { HeatmapDeps } from '../heatmap/heatmapState.ts';
import type { BitPlane } from '../heatmap/planeMips.ts';
import type { Selection } from '../selection.ts';
import type { State } from '../store.ts';
import type { Theme } from '../theme.ts';

/** A part of the page. It is told every state while it is in sight, and draws what differs. */
export interface View {
  readonly element: HTMLElement;
  update(state: State): void;
  dispose(): void;
}

/** What a view may ask of the page around it. */
export interface Page {
  /** Changes what is looked at. */
  choose(chosen: Partial<Selection>): void;
  /** Asks the host to do something; what it says is announced, an error is shown. */
  act(run: string, action: PanelAction, subnet?: string): void;
  /** Asks for the config of a run; it arrives in the state. */
  loadConfig(run: string): void;
  editConfig(
    run: string,
    path: readonly string[],
    value: string | number | boolean | null,
  ): Promise<ConfigView>;
  mask(run: string, mask: MaskRef): Promise<{ readonly key: string; readonly bits: Uint8Array }>;
  /** Requests of the mask pictures. */
  readonly masks: Omit<HeatmapDeps, 'palette' | 'onPlace'>;
  /** Requests of the pictures of zeros. */
  readonly zeros: {
    readonly record: (run: string) => Promise<SparsityRecord>;
    readonly pattern: (run: string, block: number, map: MapName) => Promise<BitPlane>;
  };
  /** Says something through the page's polite live region. */
  announce(text: string): void;
  /** The theme that holds now; another object after each change. */
  theme(): Theme;
  /** Asks to be updated again in the next frame. */
  again(): void;
  /** A number that grows with every change of the theme. */
  themeVersion(): number;
}

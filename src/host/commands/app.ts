import type * as vscode from 'vscode';
import type { ComparisonStore } from '../comparisons/comparisonStore.ts';
import type { DeviceKnowledge } from '../devices/deviceKnowledge.ts';
import type { ModelLibrary } from '../models/modelLibrary.ts';
import type { ComparisonPanels } from '../panel/comparisonPanels.ts';
import type { RunPanels } from '../panel/runPanels.ts';
import type { Reporter } from '../report.ts';
import type { RunRoots } from '../runs/runRoots.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { ServiceHandle } from '../service/serviceHandle.ts';
import type { RunTree } from '../trees/runTree.ts';
import type { Pages } from '../ui/pages.ts';
import type { Target } from './target.ts';

/** The parts of the extension that commands work with. */
export interface App {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly reporter: Reporter;
  readonly roots: RunRoots;
  readonly store: RunStore;
  readonly service: ServiceHandle;
  readonly models: ModelLibrary;
  readonly devices: DeviceKnowledge;
  readonly panels: RunPanels;
  readonly comparisons: ComparisonStore;
  readonly comparisonPanels: ComparisonPanels;
  readonly tree: RunTree;
  readonly pages: Pages;
  /** Folder of the engine service, with its log. */
  readonly serviceFolder: string;
}

/**
 * One command.
 * @param targets  what it was called on; empty when it was called bare, so it asks
 * @returns a word for the screen reader, when there is one
 * @throws EngineError what a user can cause; `cancelled` when they changed their mind
 */
export type Command = (app: App, targets: readonly Target[]) => Promise<string | undefined>;

import type * as vscode from 'vscode';
import { setContext } from '../settings.ts';

/** The steps of the walkthrough, and the commands whose success completes each. */
const steps: Readonly<Record<string, readonly string[]>> = {
  device: ['selectDevice'],
  run: ['runExample'],
  heatmap: ['openDashboard', 'openLastResult', 'openRunning'],
  config: ['newConfig'],
  // Completed when the files are written: see `exportEnded`.
  export: [],
  code: ['openSubnetBeside', 'insertLoader'],
};

/** Ids of the steps, as package.json declares them. */
export const walkthroughSteps = Object.keys(steps);

/** What the state of this machine calls the completed steps. */
const KEY = 'walkthrough.done';

/** Ticks the steps that were completed in an earlier window. */
export function restoreSteps({ globalState }: vscode.ExtensionContext): void {
  for (const id of globalState.get<readonly string[]>(KEY, [])) setContext(`done.${id}`, true);
}

/** Ticks the step of a command that has succeeded, if it has one. */
export function completeStep(context: vscode.ExtensionContext, command: string): void {
  const id = walkthroughSteps.find((one) => steps[one]?.includes(command));
  if (id !== undefined) tick(context, id);
}

/** Ticks the step of the export, whose files are written and verified now. */
export function exportEnded(context: vscode.ExtensionContext): void {
  tick(context, 'export');
}

function tick({ globalState }: vscode.ExtensionContext, id: string): void {
  const done = globalState.get<readonly string[]>(KEY, []);
  if (done.includes(id)) return;
  void globalState.update(KEY, [...done, id]);
  setContext(`done.${id}`, true);
}

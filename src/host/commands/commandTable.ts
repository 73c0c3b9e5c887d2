import * as vscode from 'vscode';
import { PREFIX } from '../settings.ts';
import type { App, Command } from './app.ts';
import { compareMethods, deleteComparison, openComparison } from './comparisonCommands.ts';
import { deleteRun } from './deleteRun.ts';
import { insertLoader } from './insertLoader.ts';
import {
  copyDiagnostics,
  inspectModel,
  selectDevice,
  showEngineLog,
  showLog,
} from './machineCommands.ts';
import { addModelFolder, copyModelPath, refreshModels, revealModel } from './modelCommands.ts';
import { newConfig } from './newConfig.ts';
import {
  compare,
  openConfig,
  openDashboard,
  openLastResult,
  openRunLog,
  openRunning,
  openSubnetBeside,
  revealRunFolder,
} from './openCommands.ts';
import { dryRun, keepBest, moveUp, pause, removeFromQueue, resume, run } from './runCommands.ts';
import { runExample } from './runExample.ts';
import { evaluate, exportSubnet, reform } from './subnetCommands.ts';
import { completeStep } from '../ui/walkthrough.ts';
import { targetsOf, type Target } from './target.ts';
import { clearFilter, filterRuns, groupRuns, refreshRuns } from './viewCommands.ts';

/** Every command by its id without the prefix; package.json declares the same ones. */
export const commandTable = {
  newConfig,
  run,
  dryRun,
  resume,
  pause,
  keepBest,
  openDashboard,
  openRunning,
  openLastResult,
  compare,
  reform,
  evaluate,
  export: exportSubnet,
  openSubnetBeside,
  insertLoader,
  openConfig,
  revealRunFolder,
  deleteRun,
  moveUp,
  removeFromQueue,
  selectDevice,
  inspectModel,
  runExample,
  filterRuns,
  clearFilter,
  groupRuns,
  refreshRuns,
  copyDiagnostics,
  showLog,
  openRunLog,
  showEngineLog,
  revealModel,
  copyModelPath,
  addModelFolder,
  refreshModels,
  compareMethods,
  openComparison,
  deleteComparison,
} as const satisfies Readonly<Record<string, Command>>;

/** Name of a command. */
export type CommandName = keyof typeof commandTable;

/** Makes the commands callable; what one throws is reported, never thrown at the editor. */
export function registerCommands(app: App): vscode.Disposable[] {
  return Object.keys(commandTable).map((name) =>
    vscode.commands.registerCommand(`${PREFIX}.${name}`, (...args: unknown[]) =>
      app.reporter.guard(() => execute(app, name as CommandName, targetsOf(args))),
    ),
  );
}

/** Runs a command. @throws EngineError as the command does */
export async function execute(
  app: App,
  name: CommandName,
  targets: readonly Target[],
): Promise<string | undefined> {
  app.log.debug(`command ${name}`);
  const command: Command = commandTable[name];
  const said = await command(app, targets);
  completeStep(app.context, name);
  return said;
}

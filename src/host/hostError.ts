import * as vscode from 'vscode';
import { EngineError, type ErrorCode, type Problem } from '../protocol/errors.ts';
import type { CommandName } from './commands/commandTable.ts';
import type { Target } from './commands/target.ts';
import { PREFIX } from './settings.ts';

/** A thing to do about an error, offered as a button. */
export interface Remedy {
  readonly label: string;
  run(): unknown;
}

/** An error that the editor's side of the product found, with what helps as buttons of its message. */
export class HostError extends EngineError {
  /** At least one: an error without a way out is a dead end. */
  readonly remedies: readonly [Remedy, ...Remedy[]];

  constructor(
    code: ErrorCode,
    problem: Problem,
    remedies: HostError['remedies'],
    options?: { cause?: unknown },
  ) {
    super(code, problem, options);
    this.remedies = remedies;
  }
}

/** A button that calls one of our own commands. @param target  what it is called on; absent: it asks */
export function commandRemedy(label: string, name: CommandName, target?: Target): Remedy {
  const args = target === undefined ? [] : [target];
  return { label, run: () => vscode.commands.executeCommand(`${PREFIX}.${name}`, ...args) };
}

/** A button that calls a command of the editor. */
export function editorRemedy(label: string, command: string, ...args: unknown[]): Remedy {
  return { label, run: () => vscode.commands.executeCommand(command, ...args) };
}

/** The button that leads to the list of runs. */
export function showRuns(): Remedy {
  return editorRemedy(vscode.l10n.t('Show Runs'), `${PREFIX}.runs.focus`);
}

/** The buttons for a workspace in which nothing has run yet. */
export function firstRun(): readonly [Remedy, Remedy] {
  return [
    commandRemedy(vscode.l10n.t('Run a Config'), 'run'),
    commandRemedy(vscode.l10n.t('Run the Bundled Example'), 'runExample'),
  ];
}

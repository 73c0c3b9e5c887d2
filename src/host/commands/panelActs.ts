import * as vscode from 'vscode';
import { isEngineError } from '../../protocol/errors.ts';
import type { PanelAction, PanelParams } from '../../protocol/panelParams.ts';
import type { RunEntry } from '../runs/runEntry.ts';
import type { App } from './app.ts';
import { execute, type CommandName } from './commandTable.ts';

/** The command behind each button of a dashboard. */
const commands: Readonly<Record<PanelAction, CommandName>> = {
  run: 'run',
  pause: 'pause',
  resume: 'resume',
  keepBest: 'keepBest',
  delete: 'deleteRun',
  openConfig: 'openConfig',
  openLog: 'openRunLog',
  revealFolder: 'revealRunFolder',
  reform: 'reform',
  evaluate: 'evaluate',
  export: 'export',
  openSubnetBeside: 'openSubnetBeside',
  insertLoader: 'insertLoader',
  compare: 'compare',
};

/**
 * Does what a button of a dashboard asks for.
 * @returns a word for the screen reader
 * @throws EngineError what went wrong; the user has been told
 */
export async function panelAct(
  app: App,
  run: RunEntry,
  { action, subnet }: PanelParams<'act'>,
): Promise<string> {
  const target = { run: run.folder, ...(subnet === undefined ? {} : { subnet }) };
  try {
    const said = await execute(app, commands[action], [target]);
    return said ?? vscode.l10n.t('Done.');
  } catch (error) {
    if (isEngineError(error, 'cancelled')) return vscode.l10n.t('Nothing was changed.');
    void app.reporter.report(error);
    throw error;
  }
}

import type { Command } from 'commander';
import { engineApi } from '../protocol/engineApi.ts';
import { findRun } from './findRun.ts';
import type { ResolvedConfig } from '../protocol/runConfig.ts';
import { deviceOption, jsonOption } from './options.ts';
import { runJson, runText } from './runReport.ts';
import { printResult, type Shell } from './shell.ts';
import { withEngine } from './withEngine.ts';

interface ResumeOptions {
  readonly json?: boolean;
  readonly device?: ResolvedConfig['device'];
}

/** `subnet resume RUN` */
export function addResumeCommand(program: Command, shell: Shell): void {
  program
    .command('resume')
    .summary('go on with a run that was stopped or crashed')
    .description(
      'Goes on where a run ended. The result is the same as that of a run that was never stopped.',
    )
    .argument('<run>', 'run folder, or the id of a run in .subnet/runs here')
    .addOption(deviceOption('where to go on; default: where it began, to the same result'))
    .addOption(jsonOption('figures, run folder and exports'))
    .addHelpText(
      'after',
      `
Examples:
  $ subnet runs
  $ subnet resume .subnet/runs/demo-20260102-030405-1a2b3c`,
    )
    .action(async (run: string, options: ResumeOptions) => {
      const { device } = options;
      const runFolder = findRun(run, shell.cwd);
      const outcome = await withEngine(shell, (engine, signal) =>
        engine.request(
          engineApi.resume,
          { runFolder, ...(device === undefined ? {} : { device }) },
          signal,
        ),
      );
      const text = runText(outcome, shell.terminal.unicode);
      printResult(shell, options.json === true, runJson(outcome), text);
    });
}

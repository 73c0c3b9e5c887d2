import { safeJson } from '../protocol/plainText.ts';
import { Command, CommanderError } from 'commander';
import { engineVersion } from '../server/engineVersion.ts';
import { addCompareCommand } from './compareCommand.ts';
import { addDevicesCommand } from './devicesCommand.ts';
import { errorJson, errorText } from './errorText.ts';
import { addEvaluateCommand } from './evaluateCommand.ts';
import { exitCodeOf, exitCodes } from './exitCodes.ts';
import { addExportCommand } from './exportCommand.ts';
import { IncompleteResult } from './incompleteResult.ts';
import { addInspectCommand } from './inspectCommand.ts';
import { addResumeCommand } from './resumeCommand.ts';
import { addRunCommand } from './runCommand.ts';
import { addRunsCommand } from './runsCommand.ts';
import type { Shell } from './shell.ts';

/**
 * The command line.
 * @param args  words after the name of the program
 * @returns the exit code, see {@link exitCodes}
 */
export async function runCli(args: readonly string[], shell: Shell): Promise<number> {
  const { terminal } = shell;
  try {
    await subnetProgram(shell).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    // Commander has already said what is wrong with the words.
    if (error instanceof CommanderError) return exitCodeOf(error);
    terminal.err(errorText(error, terminal));
    if (args.includes('--json') && !(error instanceof IncompleteResult)) {
      terminal.out(`${safeJson(errorJson(error))}\n`);
    }
    return exitCodeOf(error);
  }
}

function subnetProgram(shell: Shell): Command {
  const program = new Command('subnet')
    .description('Makes a language model smaller without training, and proves that it still works.')
    .version(engineVersion)
    .showHelpAfterError('Add --help to see what it takes.')
    .configureOutput({ writeOut: shell.terminal.out, writeErr: shell.terminal.err })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ subnet inspect models/smollm2-135m       what can be pruned?
  $ subnet run demo.subnet.jsonc             search, reform, evaluate, export
  $ subnet runs                              what has been run here?
  $ subnet help run                          an example of a config

Exit codes:
  0 done   1 failed, or a part of the result is missing   2 wrong command line or config
  3 an export does not match the searched model   130 stopped

Progress goes to stderr, results to stdout. NO_COLOR is honoured.`,
    );
  addRunCommand(program, shell);
  addResumeCommand(program, shell);
  addEvaluateCommand(program, shell);
  addCompareCommand(program, shell);
  addExportCommand(program, shell);
  addInspectCommand(program, shell);
  addDevicesCommand(program, shell);
  addRunsCommand(program, shell);
  return program;
}

import type { Command } from 'commander';
import { resolve } from 'node:path';
import { engineApi, type RunOverrides } from '../protocol/engineApi.ts';
import { deviceOption, jsonOption, wholeNumber } from './options.ts';
import { runJson, runText } from './runReport.ts';
import { printResult, type Shell } from './shell.ts';
import { withEngine } from './withEngine.ts';

/** `subnet run CONFIG` */
export function addRunCommand(program: Command, shell: Shell): void {
  program
    .command('run')
    .summary('search, reform, evaluate and export a smaller model')
    .description(
      'Runs a config from model to verified export. Everything is kept in a run folder; a run that ' +
        'was stopped goes on with "subnet resume".',
    )
    .argument('<config>', 'config file (*.subnet.jsonc); it needs a model, a ratio and a text')
    .option('--name <name>', 'name of the run; default: the name of the config')
    .option('--seed <number>', 'start of every random choice', wholeNumber(0, 0xffff_ffff))
    .option(
      '--out <folder>',
      'where the run folder is made; default: .subnet/runs beside the config',
    )
    .addOption(deviceOption())
    .addOption(jsonOption('figures, run folder and exports'))
    .addHelpText(
      'after',
      `
Example of a config, demo.subnet.jsonc (VS Code completes and explains fields):
  {
    "model": "models/smollm2-135m", // a Hugging Face folder
    "ratio": 0.7,                   // keep 70% of the block parameters
    "text": "texts/wiki.txt"        // text like that the model will see
  }

Examples:
  $ subnet run demo.subnet.jsonc
  $ subnet run demo.subnet.jsonc --device cpu --seed 1 --json | tail -1`,
    )
    .action(async (config: string, options: RunOptions) => {
      const overrides: RunOverrides = {
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.device === undefined ? {} : { device: options.device }),
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(options.out === undefined ? {} : { out: resolve(shell.cwd, options.out) }),
      };
      const configPath = resolve(shell.cwd, config);
      const outcome = await withEngine(shell, (engine, signal) =>
        engine.request(engineApi.run, { configPath, overrides }, signal),
      );
      const text = runText(outcome, shell.terminal.unicode);
      printResult(shell, options.json === true, runJson(outcome), text);
    });
}

interface RunOptions extends Omit<RunOverrides, 'out'> {
  readonly out?: string;
  readonly json?: boolean;
}

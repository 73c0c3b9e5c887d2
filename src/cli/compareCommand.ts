import { comparisonCsv, comparisonMarkdown } from '../dashboard/model/comparisonText.ts';
import { Option, type Command } from 'commander';
import { resolve } from 'node:path';
import type { CompareRequest } from '../protocol/compareRow.ts';
import type { ComparisonTable } from '../protocol/comparisonTable.ts';
import { engineApi, type RunOverrides } from '../protocol/engineApi.ts';
import { EngineError, isEngineError } from '../protocol/errors.ts';
import { comparisonText } from './comparisonText.ts';
import { deviceOption, jsonOption, wholeNumber } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { withEngine } from './withEngine.ts';

/** `subnet compare CONFIG` */
export function addCompareCommand(program: Command, shell: Shell): void {
  program
    .command('compare')
    .summary('make a model small in many ways and judge all alike')
    .description(
      'Held-out perplexity of every method that the config\'s "compare" section names, on the same ' +
        'texts and budgets. Finished rows are kept beside the config, so a comparison that was ' +
        'stopped goes on. Zeros save space, not time: ONNX Runtime computes them like any number.',
    )
    .argument('<config>', 'config file (*.subnet.jsonc)')
    .option('--seed <number>', 'start of every random choice', wholeNumber(0, 4_294_967_295))
    .addOption(deviceOption('where to compute; "auto", the default, is the CPU here'))
    .addOption(jsonOption('an array: one row per method, pattern and scope'))
    .addOption(new Option('--csv', 'the same rows on stdout as CSV').conflicts('json'))
    .addOption(
      new Option('--markdown', 'the tables on stdout as Markdown').conflicts(['json', 'csv']),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ subnet compare demo.subnet.jsonc
  $ subnet compare demo.subnet.jsonc --json > rows.json
  $ subnet compare demo.subnet.jsonc --markdown > table.md`,
    )
    .action(async (config: string, options: CompareOptions) => {
      const { seed, device } = options;
      const request = {
        configPath: resolve(shell.cwd, config),
        ...(seed === undefined ? {} : { seed }),
        ...(device === undefined ? {} : { device }),
      };
      print(shell, options, await compared(shell, request));
    });
}

interface CompareOptions extends Pick<RunOverrides, 'device' | 'seed'> {
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly markdown?: boolean;
}

/** There is no run to resume: what was made is found by the same command. */
async function compared(shell: Shell, request: CompareRequest): Promise<ComparisonTable> {
  try {
    return await withEngine(shell, (engine, signal) =>
      engine.request(engineApi.compare, request, signal),
    );
  } catch (error) {
    if (!isEngineError(error)) throw error;
    const action = error.problem.action.replace('"subnet resume RUN"', 'the same command');
    throw new EngineError(error.code, { ...error.problem, action }, { cause: error });
  }
}

/** What a program or a document asked for goes to stdout alone, and the tables to stderr. */
function print(
  shell: Shell,
  { json, csv, markdown }: CompareOptions,
  table: ComparisonTable,
): void {
  const { terminal } = shell;
  const text = comparisonText(table, terminal.unicode);
  if (csv !== true && markdown !== true) {
    printResult(shell, json === true, table.rows, text);
    return;
  }
  terminal.err(text);
  terminal.out(csv === true ? comparisonCsv(table) : comparisonMarkdown(table));
}

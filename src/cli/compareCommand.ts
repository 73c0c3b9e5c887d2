import type { Command } from 'commander';
import { resolve } from 'node:path';
import type { CompareRow } from '../protocol/compareRow.ts';
import { engineApi, type RunOverrides } from '../protocol/engineApi.ts';
import { deviceOption, jsonOption, wholeNumber } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { formatTable } from './table.ts';
import { formatFitness } from './units.ts';
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
    .addOption(deviceOption())
    .addOption(jsonOption('one row per method, pattern and scope'))
    .addHelpText(
      'after',
      `
Examples:
  $ subnet compare demo.subnet.jsonc
  $ subnet compare demo.subnet.jsonc --json > rows.json`,
    )
    .action(async (config: string, options: CompareOptions) => {
      const { seed, device } = options;
      const request = {
        configPath: resolve(shell.cwd, config),
        ...(seed === undefined ? {} : { seed }),
        ...(device === undefined ? {} : { device }),
      };
      const rows = await withEngine(shell, (engine, signal) =>
        engine.request(engineApi.compare, request, signal),
      );
      printResult(shell, options.json === true, rows, tablesOf(rows, shell.terminal.unicode));
    });
}

interface CompareOptions extends Pick<RunOverrides, 'device' | 'seed'> {
  readonly json?: boolean;
}

const titles: Readonly<Record<CompareRow['scope'], string>> = {
  mlp: 'Zeros in the MLPs',
  all: 'Zeros in all linear maps of the blocks',
  structured: 'Units and blocks removed',
};

/** One table per scope: a row per method, a column per pattern, held-out perplexity inside. */
function tablesOf(rows: readonly CompareRow[], unicode: boolean): string {
  const dense = rows.find(({ method }) => method === 'dense');
  const head = dense === undefined ? '' : `Dense: perplexity ${formatFitness(dense.perplexity)}\n`;
  const tables = (['mlp', 'all', 'structured'] as const).map((scope) =>
    tableOf(
      titles[scope],
      rows.filter((row) => row.scope === scope && row !== dense),
      unicode,
    ),
  );
  return head + tables.join('');
}

function tableOf(title: string, rows: readonly CompareRow[], unicode: boolean): string {
  if (rows.length === 0) return '';
  const patterns = [...new Set(rows.map(({ pattern }) => pattern))];
  const methods = [...new Set(rows.map(({ method }) => method))];
  const columns = [
    { title: 'perplexity', align: 'left' } as const,
    ...patterns.map((pattern) => ({ title: pattern, align: 'right' }) as const),
  ];
  const lines = methods.map((method) => [
    method,
    ...patterns.map((pattern) => {
      const row = rows.find((one) => one.method === method && one.pattern === pattern);
      return row === undefined ? '-' : formatFitness(row.perplexity);
    }),
  ]);
  return `\n${title}\n${formatTable(columns, lines, unicode)}`;
}

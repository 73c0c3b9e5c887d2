import type { Command } from 'commander';
import { resolve } from 'node:path';
import { engineApi, type EvaluationReport, type RunOverrides } from '../protocol/engineApi.ts';
import { deviceOption, jsonOption, wholeNumber } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { formatBytes, formatCount, formatFitness, formatMs } from './units.ts';
import { withEngine } from './withEngine.ts';

/** `subnet evaluate MODEL|SUBNET --text FILE` */
export function addEvaluateCommand(program: Command, shell: Shell): void {
  program
    .command('evaluate')
    .summary('measure perplexity, size and speed of a model or a subnet')
    .description(
      'Perplexity over contiguous windows of a text, without overlap and without a begin token: ' +
        'exp of the mean negative log-likelihood of all predicted tokens.',
    )
    .argument('<model>', 'model folder, or subnet.json of a run')
    .requiredOption('--text <file>', 'text to evaluate on (UTF-8)')
    .option('--context <tokens>', 'window; capped by the model', wholeNumber(2, 1 << 20), 2048)
    .option('--max-windows <count>', 'windows to evaluate; 0: all', wholeNumber(0, 1 << 20), 0)
    .addOption(deviceOption())
    .addOption(jsonOption('the measurements'))
    .addHelpText(
      'after',
      `
Examples:
  $ subnet evaluate models/smollm2-135m --text wiki.test.txt
  $ subnet evaluate RUN/export/subnet.json --text wiki.test.txt --context 512`,
    )
    .action(async (model: string, options: EvaluateOptions) => {
      const { text, context, maxWindows, device } = options;
      const request = {
        path: resolve(shell.cwd, model),
        text: resolve(shell.cwd, text),
        context,
        maxWindows,
        ...(device === undefined ? {} : { device }),
      };
      const report = await withEngine(shell, (engine, signal) =>
        engine.request(engineApi.evaluate, request, signal),
      );
      printResult(shell, options.json === true, report, reportText(report));
    });
}

interface EvaluateOptions extends Pick<RunOverrides, 'device'> {
  readonly text: string;
  readonly context: number;
  readonly maxWindows: number;
  readonly json?: boolean;
}

function reportText(report: EvaluationReport): string {
  const rows = [
    ['perplexity', formatFitness(report.perplexity)],
    ['measured on', `${report.tokens} tokens in ${report.windows} windows of ${report.context}`],
    ['parameters', `${formatCount(report.params)}, in blocks ${formatCount(report.blockParams)}`],
    ['on disk', formatBytes(report.bytes)],
    ['speed', `prefill ${formatMs(report.prefillMs)}, decode ${formatMs(report.decodeMs)}`],
    ...(report.peakBytes === null ? [] : [['memory added', formatBytes(report.peakBytes)]]),
    ['device', `${report.device.device}: ${report.device.reason}`],
  ];
  const notes = (report.notes ?? []).map((note) => `\nNote: ${note}\n`);
  return [...rows.map(([name = '', value = '']) => `${name.padEnd(14)}${value}\n`), ...notes].join(
    '',
  );
}

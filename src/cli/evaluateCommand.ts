import type { Command } from 'commander';
import { resolve } from 'node:path';
import { deviceTitle } from '../protocol/deviceTitle.ts';
import { engineApi, type EvaluationReport, type RunOverrides } from '../protocol/engineApi.ts';
import { bytesText, countText } from '../protocol/sizeText.ts';
import { IncompleteResult } from './incompleteResult.ts';
import { deviceOption, jsonOption, wholeNumber } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { speedText } from './speedText.ts';
import { formatFitness, formatMs, formatMoment } from './units.ts';
import { withEngine } from './withEngine.ts';

/** `subnet evaluate MODEL|SUBNET --text FILE` */
export function addEvaluateCommand(program: Command, shell: Shell): void {
  program
    .command('evaluate')
    .summary('perplexity, size, speed and memory of a model or a subnet')
    .description(
      'Perplexity over contiguous windows of a text, without overlap: exp of the mean negative ' +
        'log-likelihood of all predicted tokens. Windows begin with a begin token only where the ' +
        'model needs one (Gemma). Size, speed and memory are those of an ONNX decoder in the ' +
        'temporary folder, for a subnet beside one of the dense model; it is removed afterwards. ' +
        'Without room for it they are missing from the result, and the exit code is 1.',
    )
    .argument('<model>', 'model folder, or subnet.json of a run')
    .requiredOption('--text <file>', 'text to evaluate on (UTF-8)')
    .option('--context <tokens>', 'window; capped by the model', wholeNumber(2, 1 << 20), 2048)
    .option('--max-windows <count>', 'windows to evaluate; 0: all', wholeNumber(0, 1 << 20), 0)
    .addOption(deviceOption())
    .addOption(jsonOption('the figures'))
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
      if (report.notMeasured !== null) throw new IncompleteResult(report.notMeasured);
    });
}

interface EvaluateOptions extends Pick<RunOverrides, 'device'> {
  readonly text: string;
  readonly context: number;
  readonly maxWindows: number;
  readonly json?: boolean;
}

function reportText(report: EvaluationReport): string {
  const { bytes, peakBytes } = report;
  const rows = [
    ['perplexity', formatFitness(report.perplexity)],
    ['mean loss', `${report.lossNats.toFixed(4)} nats`],
    ['evaluated on', `${report.tokens} tokens in ${report.windows} windows of ${report.context}`],
    ['parameters', `${countText(report.params)}, in blocks ${countText(report.blockParams)}`],
    ...(bytes === null ? [] : [['on disk', bytesText(bytes)]]),
    ...speedRows(report),
    ...(peakBytes === null ? [] : [['peak memory', bytesText(peakBytes)]]),
    ...(report.notMeasured === null ? [] : [['not measured', 'size, speed and memory']]),
    ['device', `${deviceTitle(report.device.device)}: ${report.device.reason}`],
  ];
  const notes = (report.notes ?? []).map((note) => `\nNote: ${note}\n`);
  return [...rows.map(([name = '', value = '']) => `${name.padEnd(14)}${value}\n`), ...notes].join(
    '',
  );
}

function speedRows({ prefillMs, decodeMs, timing }: EvaluationReport): string[][] {
  if (prefillMs === null || decodeMs === null || timing === null) return [];
  const { promptTokens, rounds, takenMs } = timing;
  const prefill = `${formatMs(prefillMs)} for ${promptTokens} tokens`;
  return [
    ['prefill', `${prefill}${speedText('prefill', timing)}`],
    ['decode', `${formatMs(decodeMs)} for a token${speedText('decode', timing)}`],
    ['timed', `medians of ${rounds} rounds, ${formatMoment(takenMs)}`],
  ];
}

import { Option, type Command } from 'commander';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { engineApi, type ExportForm, type ExportRequest } from '../protocol/engineApi.ts';
import { findRun } from './findRun.ts';
import { jsonOption } from './options.ts';
import { exportText } from './runReport.ts';
import { printResult, type Shell } from './shell.ts';
import { withEngine } from './withEngine.ts';

/** `subnet export RUN|SUBNET` */
export function addExportCommand(program: Command, shell: Shell): void {
  program
    .command('export')
    .summary('write the smaller model again, e.g. in another number format')
    .description(
      'Writes a Hugging Face checkpoint and an ONNX decoder, reloads both and compares their logits ' +
        'with those of the searched model. A difference is an error (exit code 3). The form compressed ' +
        'is a checkpoint without the zeros of sparse weights; weights without zeros have none. Integer weights are written by runs that ask for ' +
        'them, not by this command, which writes floats.',
    )
    .argument('<run>', 'run folder, id of a run in .subnet/runs here, or subnet.json')
    .addOption(
      new Option('--form <forms...>', 'what to write')
        .choices(['checkpoint', 'onnx', 'compressed'])
        .default(['checkpoint', 'onnx']),
    )
    .addOption(
      new Option('--dtype <name>', 'number format of the weights').choices([
        'source',
        'float32',
        'float16',
        'bfloat16',
      ]),
    )
    .option('--out <folder>', 'where to write; default: export/ of the run')
    .addOption(jsonOption('one report per export'))
    .addHelpText(
      'after',
      `
Examples:
  $ subnet export .subnet/runs/demo-20260102-030405-1a2b3c
  $ subnet export subnet.json --form onnx --dtype float32 --out small
  $ subnet export .subnet/runs/sparse-20260102-030405-1a2b3c --form compressed`,
    )
    .action(async (run: string, options: ExportOptions) => {
      const path = resolve(shell.cwd, run);
      const request: ExportRequest = {
        path: existsSync(path) ? path : findRun(run, shell.cwd),
        forms: options.form,
        ...(options.out === undefined ? {} : { out: resolve(shell.cwd, options.out) }),
        ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
      };
      const reports = await withEngine(shell, (engine, signal) =>
        engine.request(engineApi.export, request, signal),
      );
      const text = reports.map((report) => `${exportText(report)}\n`).join('');
      printResult(shell, options.json === true, reports, text);
    });
}

interface ExportOptions extends Pick<ExportRequest, 'dtype'> {
  readonly form: readonly ExportForm[];
  readonly out?: string;
  readonly json?: boolean;
}

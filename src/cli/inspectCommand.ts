import type { Command } from 'commander';
import { resolve } from 'node:path';
import { engineApi, type InspectReport } from '../protocol/engineApi.ts';
import { bytesText, countText } from '../protocol/sizeText.ts';
import { jsonOption } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { formatTable } from './table.ts';
import { withEngine } from './withEngine.ts';

/** `subnet inspect MODEL` */
export function addInspectCommand(program: Command, shell: Shell): void {
  program
    .command('inspect')
    .summary('tell what of a model can be pruned, and why not')
    .description('Reads a model folder and lists its parts. Computes nothing.')
    .argument('<model>', 'Hugging Face folder: config.json, *.safetensors, tokenizer.json')
    .addOption(jsonOption('sizes and parts'))
    .addHelpText('after', '\nExample:\n  $ subnet inspect models/smollm2-135m')
    .action(async (model: string, options: { readonly json?: boolean }) => {
      const path = resolve(shell.cwd, model);
      const report = await withEngine(shell, (engine) =>
        engine.request(engineApi.inspect, { path }),
      );
      const text = reportText(report, shell.terminal.unicode);
      printResult(shell, options.json === true, report, text);
    });
}

function reportText(report: InspectReport, unicode: boolean): string {
  const { family, layers, hidden, heads, kvHeads, headDim, intermediate, vocab, dtype } = report;
  const parts = formatTable(
    [
      { title: 'part', align: 'left' },
      { title: 'units', align: 'right' },
      { title: 'params', align: 'right' },
      { title: 'prunable', align: 'left' },
    ],
    report.parts.map(({ name, units, params, prunable }) => [
      name,
      prunable ? String(units) : '-',
      countText(params),
      prunable ? 'yes' : 'no',
    ]),
    unicode,
  );
  const reasons = report.parts.map(({ name, reason }) => `${name}: ${reason}\n`).join('');
  return [
    `${family} of ${layers} blocks, ${countText(report.params)} parameters`,
    ` (${countText(report.blockParams)} in blocks), ${bytesText(report.bytes)} in ${dtype}\n`,
    `hidden ${hidden}, MLP ${intermediate}, ${heads} heads of ${headDim} (${kvHeads} key/value), `,
    `vocabulary ${vocab}, at most ${report.maxPositions} tokens\n\n`,
    `${parts}\n${reasons}`,
    ...report.notes.map((note) => `\nNote: ${note}\n`),
  ].join('');
}

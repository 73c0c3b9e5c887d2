import type { Command } from 'commander';
import { engineApi } from '../protocol/engineApi.ts';
import { jsonOption } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { formatTable } from './table.ts';
import { withEngine } from './withEngine.ts';

/** `subnet devices` */
export function addDevicesCommand(program: Command, shell: Shell): void {
  program
    .command('devices')
    .summary('try every device and tell which one "auto" takes, and why')
    .description('Runs a small computation on each device; a crash of one harms nothing.')
    .addOption(jsonOption('one report per device'))
    .addHelpText('after', '\nExample:\n  $ subnet devices')
    .action(async (options: { readonly json?: boolean }) => {
      const reports = await withEngine(shell, (engine) => engine.request(engineApi.devices, {}));
      const text = formatTable(
        [
          { title: 'device', align: 'left' },
          { title: 'works', align: 'left' },
          { title: 'GFLOP/s', align: 'right' },
          { title: 'remark', align: 'left' },
        ],
        reports.map(({ device, ok, chosen, gflops, reason }) => [
          `${chosen ? '*' : ' '} ${device}`,
          ok ? 'yes' : 'no',
          gflops === null ? '-' : gflops.toFixed(gflops < 10 ? 1 : 0),
          reason,
        ]),
        shell.terminal.unicode,
      );
      printResult(shell, options.json === true, reports, `${text}* is what "auto" takes\n`);
    });
}

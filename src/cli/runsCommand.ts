import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { listRuns } from '../engine/runs/listRuns.ts';
import { runsRootOf } from '../engine/runs/runLayout.ts';
import type { RunSummary } from '../protocol/runRecord.ts';
import { jsonOption } from './options.ts';
import { printResult, type Shell } from './shell.ts';
import { formatTable } from './table.ts';
import { formatFitness } from './units.ts';

/** `subnet runs [DIR]` */
export function addRunsCommand(program: Command, shell: Shell): void {
  program
    .command('runs')
    .summary('list runs, newest first')
    .description('Lists the runs of a folder. A damaged run is one line that says why.')
    .argument('[dir]', 'folder of the config, or a folder of runs; default: here')
    .addOption(jsonOption('one summary per run'))
    .addHelpText('after', '\nExamples:\n  $ subnet runs\n  $ subnet runs experiments --json')
    .action((dir: string | undefined, options: { readonly json?: boolean }) => {
      const folder = resolve(shell.cwd, dir ?? '.');
      const below = runsRootOf(folder);
      const root = existsSync(below) || dir === undefined ? below : folder;
      const runs = listRuns(root);
      const text = runs.length === 0 ? `No runs in ${root}\n` : listText(runs, shell);
      printResult(shell, options.json === true, runs, text);
    });
}

function listText(runs: readonly RunSummary[], shell: Shell): string {
  const table = formatTable(
    [
      { title: 'run', align: 'left' },
      { title: 'state', align: 'left' },
      { title: 'ratio', align: 'right' },
      { title: 'best', align: 'right' },
      { title: 'final', align: 'right' },
    ],
    runs.map((run) => {
      if (run.kind === 'corrupt') return [run.id, 'unreadable', '-', '-', '-'];
      const last = run.figures?.reformed ?? run.figures?.searched ?? run.figures?.initialised;
      return [
        run.id,
        run.state === 'running' ? `running (${run.stage ?? 'start'})` : run.state,
        run.ratio === null ? '-' : run.ratio.toFixed(2),
        run.bestFitness === null ? '-' : formatFitness(run.bestFitness),
        last === undefined || last === null ? '-' : formatFitness(last.perplexity),
      ];
    }),
    shell.terminal.unicode,
  );
  const remarks = runs
    .filter(({ message }) => message !== null)
    .map(({ id, message }) => `${id}: ${message ?? ''}\n`);
  return `${table}${remarks.join('')}`;
}

import { basename } from 'node:path';
import * as vscode from 'vscode';
import { onDevice } from '../../protocol/deviceTitle.ts';
import type { EstimateReport, StageEstimate } from '../../protocol/estimate.ts';
import { bytesText, countText } from '../../protocol/sizeText.ts';
import { formatDuration } from './format.ts';
import { markdownText } from './messages.ts';

/** Cells of a bar. */
const BAR = 20;

/** What a run would take and give, as a page to read. */
export function estimatePage(report: EstimateReport, configPath: string): string {
  const { params, blockParams, widths, memory, disk, device, windows, stages } = report;
  const { t } = vscode.l10n;
  const verdict = [
    memory.fits
      ? t('$(pass) Memory: {0} at its peak, {1} free', ...pair(memory.peakBytes, memory.freeBytes))
      : t(
          '$(error) Memory: {0} needed at its peak, only {1} free',
          ...pair(memory.peakBytes, memory.freeBytes),
        ),
    disk.fits
      ? t('$(pass) Disk: {0} written, {1} free', ...pair(disk.neededBytes, disk.freeBytes))
      : t('$(error) Disk: {0} needed, only {1} free', ...pair(disk.neededBytes, disk.freeBytes)),
    t('$(clock) Time: about {0} {1}', formatDuration(report.totalMs), onDevice(device.device)),
  ];
  return [
    `# ${t('What "{0}" would take', markdownText(report.name))}`,
    t('Nothing was started. The config is {0}.', markdownText(basename(configPath))),
    verdict.map((line) => `- ${line.replace(/^\$\((\w+)\)/, mark)}`).join('\n'),
    report.warnings.map((text) => `> ${markdownText(text)}`).join('\n>\n'),
    `## ${t('The model')}`,
    table(
      ['', t('now'), t('after')],
      [
        [t('Parameters'), countText(params.dense), kept(params.dense, params.subnet)],
        [
          t('in prunable blocks'),
          countText(blockParams.dense),
          kept(blockParams.dense, blockParams.subnet),
        ],
      ],
    ),
    t(
      'Evenly spread, each head would keep {0} query/key and {1} value/output units, and each MLP {2} neurons. The search shares them out better.',
      widths.qk,
      widths.vo,
      widths.mlp,
    ),
    `## ${t('Where the time goes')}`,
    table([t('stage'), t('time'), '', t('memory')], stages.map(row(stages))),
    [
      ...stages.map(({ stage, why }) => `- **${stage}**: ${markdownText(why)}`),
      `- **${t('device')}**: ${markdownText(device.why)}`,
    ].join('\n'),
    `## ${t('What it looks at')}`,
    table(
      ['', t('windows'), t('tokens each')],
      [
        [t('Calibration'), ...windows.calibration.map(String)],
        [t('Search, for each of {0} subnets', report.candidates), ...windows.search.map(String)],
        [t('Held-out, for the final figures'), ...windows.heldout.map(String)],
      ],
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function row(stages: readonly StageEstimate[]): (stage: StageEstimate) => string[] {
  const longest = Math.max(1, ...stages.map(({ ms }) => ms));
  return ({ stage, ms, peakBytes }) => {
    const cells = Math.round((BAR * ms) / longest);
    const bar = `\`${'█'.repeat(cells)}${'·'.repeat(BAR - cells)}\``;
    return [stage, formatDuration(ms), bar, bytesText(peakBytes)];
  };
}

function kept(dense: number, subnet: number): string {
  const percent = dense > 0 ? ` (${((100 * subnet) / dense).toFixed(1)}%)` : '';
  return `${countText(subnet)}${percent}`;
}

function pair(first: number, second: number): [string, string] {
  return [bytesText(first), bytesText(second)];
}

function mark(_: string, icon: string): string {
  return icon === 'pass' ? '✓' : icon === 'error' ? '**✗**' : '◷';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { chartOf } from './chart.ts';
import { type Figure, figuresOf, meanOf, ratioOf, TABLE_METHODS } from './figures.ts';
import type { ComparisonLine, ResultsFile, RowLine } from './resultsFile.ts';

/** Writes the page of a file of results and its chart beside it. @param configPath  *.subnet.jsonc */
export function writePage(configPath: string, results: ResultsFile): void {
  const path = configPath.replace(/\.subnet\.jsonc$/, '');
  const name = basename(path);
  const { comparison, lines } = results.newest();
  if (comparison === undefined) return;
  const figures = lines.flatMap(({ row }) => figuresOf(row));
  writeFileSync(`${path}.svg`, chartOf(figures, `Loss above dense on ${name}`));
  writeFileSync(`${path}.md`, pageOf(name, comparison, lines, figures));
}

function pageOf(
  name: string,
  comparison: ComparisonLine,
  lines: readonly RowLine[],
  figures: readonly Figure[],
): string {
  const seeds = [...new Set(figures.map(({ seed }) => seed))].sort((a, b) => a - b);
  const { settings, hashes } = comparison;
  const { heldout, shifted } = settings;
  const parts = [
    `# Structured methods on ${name}`,
    `Perplexity at equal parameters kept in the blocks, every method on the same calibration text, ` +
      `seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}. A seed draws the windows of calibration and ` +
      `search and drives the search. Cells are means, with the standard deviation where there are ` +
      `several seeds. Generated from [${name}.jsonl](${name}.jsonl), which holds every row, by \`npm run compare\`.`,
    `![Loss above the dense model's by the share of the block parameters that is kept](${name}.svg)`,
    `## ${heldout ?? 'The end of the text'}, text of the kind of the calibration text`,
    figureTable(figures, 'near'),
    ...(shifted === null
      ? []
      : [`## ${shifted}, text of another kind`, figureTable(figures, 'shifted')]),
    '## What it takes',
    'To make one row, evaluation aside; work that rows share is counted for each. A token that passes ' +
      'a part of the sublayers counts by that part. Memory is the peak of the process, evaluation included. ' +
      'Means over ratios and seeds.',
    effortTable(lines),
    '## Again',
    [
      '```sh',
      `npm run compare -- docs/results/${name}.subnet.jsonc --seeds ${seeds.join(',')}`,
      '```',
    ].join('\n'),
    `Rows that are in the file are not made again. ${machinesOf(lines)}`,
    ['```json', JSON.stringify({ settings, sha256: hashes }, null, 2), '```'].join('\n'),
  ];
  return `${parts.join('\n\n')}\n`;
}

function figureTable(figures: readonly Figure[], domain: Figure['domain']): string {
  const own = figures.filter((one) => one.domain === domain);
  const ratios = [...new Set(own.map(({ ratio }) => ratio))].sort((a, b) => b - a);
  const kept = ratios.filter((ratio) => ratio < 1);
  const cell = (method: string, ratio: number): number[] =>
    own
      .filter((one) => one.method === method && one.ratio === ratio)
      .map(({ perplexity }) => perplexity ?? Infinity);
  const dense = cell('dense', 1);
  const names = presentIn(own).filter((name) => name !== 'dense');
  const best = kept.map((ratio) =>
    Math.min(
      ...names.map((name) => meanOf(cell(name, ratio))).filter((mean) => !Number.isNaN(mean)),
    ),
  );
  return table(
    ['kept', ...kept.map((ratio) => `${Math.round(100 * ratio)}%`)],
    [
      ['dense', ...kept.map(() => textOf(dense))],
      ...names.map((name) => [
        name,
        ...kept.map((ratio, i) => {
          const found = cell(name, ratio);
          return meanOf(found) === best[i] ? `**${textOf(found)}**` : textOf(found);
        }),
      ]),
    ],
  );
}

function effortTable(lines: readonly RowLine[]): string {
  const ratios = lines.filter(({ row }) => ratioOf(row) < 1);
  const rows = presentIn(ratios.map(({ row }) => row)).map((name) => {
    const own = ratios.filter(({ row }) => row.method === name);
    const tokens = meanOf(own.map(({ row }) => row.tokensForwarded ?? NaN));
    const peaks = own.flatMap(({ peakBytes }) => peakBytes ?? []);
    return [
      name,
      Math.round(tokens).toLocaleString('en-US'),
      meanOf(own.map(({ row }) => row.seconds)).toFixed(1),
      peaks.length === 0 ? '-' : (Math.max(...peaks) / 1e6).toFixed(0),
    ];
  });
  return table(['method', 'tokens forwarded', 'seconds', 'peak memory, MB'], rows);
}

function presentIn(rows: readonly { readonly method: string }[]): string[] {
  return TABLE_METHODS.filter((name) => rows.some(({ method }) => method === name));
}

/** `2.938`, or `2.938 ± 0.004` of several. */
function textOf(values: readonly number[]): string {
  if (values.length === 0) return '-';
  const mean = meanOf(values);
  const digits = mean < 10 ? 3 : mean < 1000 ? 2 : 0;
  if (!Number.isFinite(mean)) return '∞';
  if (values.length === 1) return mean.toFixed(digits);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1)).toFixed(digits);
  return Number(deviation) === 0 ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${deviation}`;
}

function machinesOf(lines: readonly RowLine[]): string {
  const machines = new Set(
    lines.map(({ machine, versions }) => {
      const { platform, node, onnxruntime } = versions;
      return `${machine}, ${platform}, Node ${node}, ONNX Runtime ${onnxruntime}`;
    }),
  );
  return `Made on: ${[...machines].join('; ')}.`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, i) => (i === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

import type { CompareRow } from '../../protocol/compareRow.ts';
import type { ComparisonTable } from '../../protocol/comparisonTable.ts';
import { onDevice } from '../../protocol/deviceTitle.ts';
import { perplexityValue } from '../../protocol/perplexity.ts';

const scopes = ['mlp', 'all', 'structured'] as const;
type Scope = (typeof scopes)[number];

/** What a comparison prunes, for people. */
export const scopeTitles: Readonly<Record<Scope, string>> = {
  mlp: 'MLP only',
  all: 'All linear maps',
  structured: 'Structured',
};

const titles: Readonly<Record<string, string>> = {
  dense: 'Dense',
  random: 'Random',
  magnitude: 'Magnitude',
  wanda: 'Wanda',
  'wanda-sp': 'Wanda-sp',
  sparsegpt: 'SparseGPT',
  dass: 'DaSS',
  flap: 'FLAP',
  influence: 'Block influence',
  depth: 'Block loss',
  ours: 'Ours',
  mix: 'Ours, mixed',
  'uniform-obc': 'Uniform OBC',
  slicegpt: 'SliceGPT',
  'paper, initialised': 'Paper, initial subnet',
  'paper, searched': 'Paper, searched subnet',
  paper: 'Paper',
};

/** The name of a method for people; one that is not known keeps its own. */
export function methodTitle(method: string): string {
  return Object.hasOwn(titles, method) ? titles[method]! : method;
}

/** Rows that are decided: done, or found not to apply. */
export function decidedRows({ rows, leftOut, total }: ComparisonTable): number {
  return Math.min(total, rows.length + leftOut.length);
}

/** The row of the model that nothing was removed from. */
export function denseRow({ rows }: ComparisonTable): CompareRow | undefined {
  return rows.find(({ method }) => method === 'dense');
}

/** A comparison with the figures of its shifted text; without rows where it has none. */
export function onShiftedText(table: ComparisonTable): ComparisonTable {
  const rows = table.rows.flatMap(({ shifted, ...row }) =>
    shifted === undefined ? [] : { ...row, ...shifted },
  );
  return { ...table, rows };
}

/**
 * The row to name where there is place for one: the best where methods can be compared, which is at
 * one pattern and scope. 2:4 comes first, because devices know it; the MLPs, because all methods do.
 * @returns undefined before there is any
 */
export function bestRow(table: ComparisonTable): CompareRow | undefined {
  const rows = table.rows.filter((row) => row.method !== 'dense' && row.perplexity !== null);
  const rivals = (row: CompareRow): CompareRow[] => rows.filter((one) => sameTask(one, row));
  const rank = (row: CompareRow): number =>
    (rivals(row).length > 1 ? 0 : 100) +
    (row.pattern === '2:4' ? 0 : row.pattern.includes(':') ? 10 : 20) +
    scopes.indexOf(row.scope);
  const [task] = rows.toSorted((a, b) => rank(a) - rank(b));
  if (task === undefined) return undefined;
  return rivals(task).sort(
    (a, b) => perplexityValue(a.perplexity) - perplexityValue(b.perplexity),
  )[0];
}

/** A perplexity in few digits; null: infinite. */
export function perplexityWords(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '∞';
  if (value >= 1e6) return value.toExponential(2);
  return value.toFixed(value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3);
}

/** The tables of a comparison as Markdown: methods × patterns, held-out perplexity inside. */
export function comparisonMarkdown(table: ComparisonTable): string {
  const { name, model, device, seed, heldout, calibration, leftOut, total } = table;
  const dense = denseRow(table);
  const done = decidedRows(table);
  const count = (text: ComparisonTable['heldout']): string =>
    `${text.windows.toLocaleString('en-US')} windows, ${text.tokens.toLocaleString('en-US')} tokens`;
  const facts = [
    `Model ${cell(model)} ${cell(onDevice(device))}, seed ${seed}.`,
    `Perplexity on held-out text (${count(heldout)}); calibration ${count(calibration)}.`,
    ...(dense === undefined ? [] : [`Dense: ${perplexityWords(dense.perplexity)}.`]),
    ...(done < total ? [`Not finished: ${done} of ${total} rows.`] : []),
  ];
  const shifted = onShiftedText(table);
  const grids = scopes.flatMap((scope) => [
    ...gridLines(table, scope, scopeTitles[scope]),
    ...gridLines(shifted, scope, `${scopeTitles[scope]}, shifted text`),
  ]);
  const notes = leftOut.map(
    ({ method, pattern, scope, why }) =>
      `- Left out: ${methodTitle(method)}, ${pattern}, ${scopeTitles[scope]}. ${cell(why)}`,
  );
  const odd = (table.notes ?? []).map((note) => `- Note: ${cell(note)}`);
  const honest =
    'ONNX Runtime computes zeros like any number: sparse weights save space there, not time.';
  const parts = [
    `# ${cell(name)}`,
    facts.join(' '),
    ...grids,
    [...notes, ...odd].join('\n'),
    honest,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** All rows of a comparison as CSV, unrounded. */
export function comparisonCsv({ rows }: ComparisonTable): string {
  const head =
    'method,pattern,scope,seed,perplexity,shiftedPerplexity,nonzeroFraction,params,seconds,tokensForwarded';
  const figure = (value: number | null): number | 'infinite' => value ?? 'infinite';
  const lines = rows.map((row) => {
    const { method, pattern, scope, seed, nonzeroFraction, params, seconds } = row;
    const { shifted, tokensForwarded = '' } = row;
    const fields = [
      ...[method, pattern, scope, seed, figure(row.perplexity)],
      ...[shifted === undefined ? '' : figure(shifted.perplexity), nonzeroFraction, params],
      ...[seconds, tokensForwarded],
    ];
    return fields.map(csvField).join(',');
  });
  return `${[head, ...lines].join('\r\n')}\r\n`;
}

function gridLines(table: ComparisonTable, scope: Scope, title: string): string[] {
  const rows = table.rows.filter((row) => row.scope === scope && row.method !== 'dense');
  if (rows.length === 0) return [];
  const patterns = [...new Set(rows.map(({ pattern }) => pattern))];
  const methods = [...new Set(rows.map(({ method }) => method))];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = methods.map((method) => {
    const cells = patterns.map((pattern) => {
      const row = rows.find((one) => one.method === method && one.pattern === pattern);
      if (row === undefined) return '–';
      const own = perplexityValue(row.perplexity);
      const isBest = rows.every(
        (one) => !sameTask(one, row) || own <= perplexityValue(one.perplexity),
      );
      const words = perplexityWords(row.perplexity);
      return isBest ? `**${words}**` : words;
    });
    return line([cell(methodTitle(method)), ...cells]);
  });
  const head = [
    line(['Method', ...patterns.map(cell)]),
    line(['---', ...patterns.map(() => '--:')]),
  ];
  return [`## ${title}`, [...head, ...body].join('\n')];
}

function sameTask(a: CompareRow, b: CompareRow): boolean {
  return a.pattern === b.pattern && a.scope === b.scope;
}

/** Text of a file that must not end a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

/** Quoted where it must be; a spreadsheet must not take a text for a formula. */
function csvField(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Compares all methods on the bundled model and rewrites the tables of README.md, so that no figure
// in them was ever typed. Finished rows are kept, so it can be stopped and goes on.
// Usage: npm run readme:compare
import { spawn } from 'node:child_process';
import { rewriteReadme, table } from './readme-parts.mjs';
import { root, setUp, step } from './setup.mjs';

const CONFIG = 'examples/tiny-llama-compare.subnet.jsonc';
const TITLES = {
  magnitude: 'magnitude',
  wanda: 'Wanda',
  sparsegpt: 'SparseGPT',
  dass: 'DaSS',
  ours: 'ours: DaSS + reform',
  mix: 'ours, mixed',
  random: 'random, the control',
  'wanda-sp': 'Wanda-sp',
  flap: 'FLAP',
  influence: 'depth by influence',
  depth: 'depth by loss',
  'uniform-obc': 'uniform OBC',
  slicegpt: 'SliceGPT',
  'paper, initialised': 'the paper, initialised',
  'paper, searched': 'the paper, searched',
  paper: 'the paper, searched + reformed',
  'structured ours': 'ours: levels',
};
const END =
  'With other seeds, on text of another kind too, and with the tokens and the time that each method takes: ' +
  '[docs/results](docs/results/README.md).';
const SCOPES = { mlp: 'MLPs', all: 'all' };

await setUp();
const { rows } = await step('Comparison', compare);
const dense = rows.find(({ method }) => method === 'dense').perplexity;
const sparse = rows.filter(({ scope, method }) => scope !== 'structured' && method !== 'dense');
const structured = rows.filter(({ scope }) => scope === 'structured');
await rewriteReadme({
  compare: [lead(), sparsityTable(), middle(), structuredTable(), END].join('\n\n'),
});

/** The rows of a comparison of the real program. */
function compare() {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['dist/cli.cjs', 'compare', CONFIG, '--json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let json = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (json += part));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve({ rows: JSON.parse(json) });
      else reject(new Error(`subnet compare exited with ${code}`));
    });
  });
}

function lead() {
  return (
    `Perplexity on the same held-out text, dense ${dense.toFixed(3)}; every method saw the same ` +
    'calibration text, and the best of each column is bold. First with half of the weights zero: ' +
    `in the MLPs alone, which leaves ${shareOf('mlp')} of the parameters in the blocks, or in all ` +
    `linear maps of the blocks, ${shareOf('all')}.`
  );
}

function middle() {
  const sameDepth = distinct(structured.map(({ pattern }) => pattern)).every(
    (pattern) => figureOf('influence', pattern) === figureOf('depth', pattern),
  );
  return (
    'Then without whole units or blocks, by the share of the parameters in the blocks that is ' +
    'kept. The method of the paper is searched with the quick settings, some 220 subnets a column.' +
    (sameDepth ? ' Both ways to choose blocks choose the same ones in this model.' : '')
  );
}

function figureOf(method, pattern) {
  return structured.find((row) => row.method === method && row.pattern === pattern)?.perplexity;
}

function sparsityTable() {
  const columns = Object.keys(SCOPES).flatMap((scope) =>
    distinct(sparse.map(({ pattern }) => pattern)).map((pattern) => ({ scope, pattern })),
  );
  return figures(
    ['zeros', ...columns.map(({ scope, pattern }) => `${SCOPES[scope]}, ${pattern}`)],
    sparse,
    columns,
  );
}

function structuredTable() {
  const columns = distinct(structured.map(({ pattern }) => pattern)).map((pattern) => ({
    scope: 'structured',
    pattern,
  }));
  return figures(
    ['kept', ...columns.map(({ pattern }) => pattern.replace('kept ', ''))],
    structured,
    columns,
  );
}

/** A row per method; a method that was left out of a column has a dash there. */
function figures(head, from, columns) {
  const inColumn = columns.map((column) =>
    from.filter(({ scope, pattern }) => scope === column.scope && pattern === column.pattern),
  );
  const best = inColumn.map((column) => Math.min(...column.map(({ perplexity }) => perplexity)));
  const lines = distinct(from.map(({ method }) => method)).map((name) => [
    TITLES[`${columns[0].scope} ${name}`] ?? TITLES[name] ?? name,
    ...inColumn.map((column, i) => {
      const row = column.find(({ method }) => method === name);
      if (row === undefined) return '-';
      const text = row.perplexity.toFixed(row.perplexity < 10 ? 3 : 2);
      return row.perplexity === best[i] ? `**${text}**` : text;
    }),
  ]);
  return table(head, lines);
}

function shareOf(wanted) {
  const { nonzeroFraction } = sparse.find(({ scope }) => scope === wanted);
  return `${(100 * nonzeroFraction).toFixed(1)}%`;
}

function distinct(values) {
  return [...new Set(values)];
}

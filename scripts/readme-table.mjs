// Runs the demo and rewrites what README.md shows of it, between its markers, so that no figure in
// it was ever typed. Usage: npm run readme:table
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { rewriteReadme, table } from './readme-parts.mjs';
import { root, setUp, step } from './setup.mjs';

const SEEDS = [0, 1, 2];
const TITLES = {
  dense: 'dense, as it came',
  random: 'random mask, the control',
  initialised: 'importance-initialised',
  searched: 'searched',
  reformed: '**searched + reformed**',
};

await setUp();
const runs = [];
for (const seed of SEEDS) {
  await step(`Demo with seed ${seed}`, async () => {
    runs.push(await demo(seed));
  });
}
await rewriteReadme({
  output: ['```text', shownOutput(runs[0]), '```'].join('\n'),
  results: `${figures(runs[0])}\n\n${conditions(runs[0])}`,
  seeds: bySeed(),
});

/** One run of the demo: the JSON of its last line, and what it printed for people. */
function demo(seed) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['scripts/demo.mjs', '--json', '--seed', String(seed), '--name', 'tiny-llama'],
      { cwd: root, env: { ...process.env, LC_ALL: 'C.UTF-8', NO_COLOR: '1' } },
    );
    let [json, text] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (part) => (json += part));
    child.stderr.setEncoding('utf8').on('data', (part) => (text += part));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve({ json: JSON.parse(json.trimEnd().split('\n').at(-1)), text });
      else reject(new Error(text));
    });
  });
}

/** What stays on a terminal: a log also tells of starts and generations, which a live line shows. */
function shownOutput({ text }) {
  return text
    .replaceAll(`${root}/`, '')
    .split('\n')
    .filter((line) => !/ \.\.\.$|^ +generation \d/.test(line))
    .join('\n')
    .trim();
}

function figures({ json }) {
  const rows = Object.entries(TITLES).map(([name, title]) => {
    const { params, blockParams, perplexity, bytes, prefillMs, decodeMs } = json[name];
    const share = `${((100 * blockParams) / json.dense.blockParams).toFixed(1)}%`;
    return [
      title,
      params.toLocaleString('en'),
      `${blockParams.toLocaleString('en')} (${share})`,
      perplexity.toFixed(3),
      `${(bytes / 1e6).toFixed(2)} MB`,
      `${prefillMs.toFixed(1)} ms`,
      `${decodeMs.toFixed(2)} ms`,
    ];
  });
  const head = ['model', 'parameters', 'in blocks', 'perplexity', 'on disk', 'prefill', 'decode'];
  return table(head, rows);
}

function conditions({ json, text }) {
  const { versions } = JSON.parse(readFileSync(join(json.runFolder, 'manifest.json'), 'utf8'));
  const [, device] = text.match(/Using (\w+)/) ?? [undefined, '?'];
  const cpu = `${availableParallelism()} cores of ${cpus()[0].model.trim()}`;
  return (
    `Seed 0 on ${device}, ${cpu}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}. ` +
    `The reform removes ${removed(json)} of the perplexity that the search left above dense.`
  );
}

function bySeed() {
  const rows = runs.map(({ json }, i) => [
    String(SEEDS[i]),
    ...Object.keys(TITLES).map((name) => json[name].perplexity.toFixed(3)),
    removed(json),
  ]);
  const head = ['seed', ...Object.keys(TITLES), 'excess removed by the reform'];
  return table(head, rows);
}

function removed({ dense, searched, reformed }) {
  const share =
    (searched.perplexity - reformed.perplexity) / (searched.perplexity - dense.perplexity);
  return `${Math.round(100 * share)}%`;
}

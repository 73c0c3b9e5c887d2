/**
 * Compares the structured methods on a model and keeps every row as a line of `docs/results`, so that
 * the work goes on wherever these files are. Ends with the page of the results, and under `--json`
 * with all figures as one array on the last line of stdout.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { peakBytes, watchPeak } from '../../src/engine/export/residentMemory.ts';
import {
  type AskedComparison,
  compareOpened,
  openComparison,
} from '../../src/engine/pipeline/compareMethods.ts';
import type { ResolvedConfig } from '../../src/protocol/runConfig.ts';
import type { RunEvent } from '../../src/protocol/runEvent.ts';
import { figuresOf, TABLE_METHODS } from './figures.ts';
import { writePage } from './page.ts';
import { ResultsFile } from './resultsFile.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    ratios: { type: 'string' },
    methods: { type: 'string' },
    json: { type: 'boolean', default: false },
    'page-only': { type: 'boolean', default: false },
  },
});
const configPath = positionals[0] ?? join(root, 'docs/results/tiny-llama.subnet.jsonc');
const results = new ResultsFile(configPath.replace(/\.subnet\.jsonc$/, '.jsonl'));
const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
});

if (!values['page-only']) {
  for (const seed of values.seeds.split(',').map(Number)) {
    await compare(await openComparison({ configPath, seed }, stop.signal));
  }
}
writePage(configPath, results);
if (values.json) {
  const figures = results.newest().lines.flatMap(({ row }) => figuresOf(row));
  const wanted = figures.filter(({ method }) => TABLE_METHODS.includes(method));
  process.stdout.write(`${JSON.stringify(wanted)}\n`);
}

/** Makes the rows of one seed that the results lack. */
async function compare(asked: AskedComparison): Promise<void> {
  results.restore(asked);
  const { seed } = asked.config;
  watchPeak();
  const emit = (event: RunEvent): void => {
    if (event.kind === 'log') process.stderr.write(`seed ${seed}: ${event.text}\n`);
    if (event.kind !== 'compared' || event.row === null) return;
    const { method, pattern, perplexity } = event.row;
    const isNew = results.add(asked, event.row, peakBytes());
    watchPeak();
    if (!isNew) return;
    const time = new Date().toISOString().slice(11, 19);
    process.stderr.write(`${time} seed ${seed}: ${method}, ${pattern}: ${perplexity}\n`);
  };
  await compareOpened({ ...asked, config: narrowed(asked.config) }, { signal: stop.signal, emit });
}

/** The config with the ratios and methods that were asked for alone. */
function narrowed(config: ResolvedConfig): ResolvedConfig {
  const ratios = values.ratios?.split(',').map(Number) ?? config.compare.ratios;
  const names = values.methods?.split(',');
  const structured = config.compare.structured.filter((name) => names?.includes(name) ?? true);
  return { ...config, compare: { ...config.compare, ratios, structured } };
}

// npm run bench: speed and memory of the engine as ratios measured in one run on this machine.
import { engineThreads } from '../../src/engine/runtime/devicesThreads.ts';
import { forwardBench } from './forwardBench.ts';
import { hostBench } from './hostBench.ts';
import { memoryBench } from './memoryBench.ts';
import type { Measurement } from './measurement.ts';
import { solverBench } from './solverBench.ts';

const threads = engineThreads(0);
const json = process.argv.includes('--json');
const quick = process.argv.includes('--quick');
const sizes = [{ n: 1536, rounds: 5, bar: 6 }, ...(quick ? [] : [{ n: 4096, rounds: 1, bar: 10 }])];

const results: Measurement[] = [];
const groups = [
  () => forwardBench(threads),
  () => memoryBench(threads),
  () => hostBench(),
  () => solverBench(threads, sizes),
];
for (const group of groups) {
  for (const result of await group()) {
    results.push(result);
    const mark = result.bar === null ? ' ' : result.ok ? '✓' : '✗';
    const bar = result.bar === null ? '' : `(${result.bar})`;
    console.error(
      `${mark} ${result.name.padEnd(66)} ${String(result.value).padStart(8)} ${result.unit} ${bar}`,
    );
  }
}
if (json) console.log(JSON.stringify(results));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

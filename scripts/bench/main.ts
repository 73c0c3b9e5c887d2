// npm run bench: speed and memory of the engine as ratios measured in one run on this machine.
import { engineThreads } from '../../src/engine/runtime/devicesThreads.ts';
import { forwardBench } from './forwardBench.ts';
import { headBench } from './headBench.ts';
import { hostBench } from './hostBench.ts';
import { memoryBench } from './memoryBench.ts';
import { passMemoryBench } from './passMemoryBench.ts';
import { quantiseBench } from './quantiseBench.ts';
import { reportGroups } from './report.ts';
import { solverBench } from './solverBench.ts';
import { sparsityBench } from './sparsityBench.ts';

const threads = engineThreads(0);
const json = process.argv.includes('--json');
const quick = process.argv.includes('--quick');
const sizes = [{ n: 1536, rounds: 5, bar: 6 }, ...(quick ? [] : [{ n: 4096, rounds: 1, bar: 10 }])];

const results = await reportGroups([
  () => forwardBench(threads),
  () => headBench(threads),
  () => memoryBench(threads),
  () => passMemoryBench(threads),
  () => hostBench(),
  () => solverBench(threads, sizes),
  () => sparsityBench(threads),
  () => quantiseBench(threads),
]);
if (json) console.log(JSON.stringify(results));
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;

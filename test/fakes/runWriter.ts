import { RunFolder } from '../../src/engine/runs/runFolder.ts';

// Writes to a run folder as fast as it can until it is killed.

const run = new RunFolder(process.argv[2] ?? '');
process.send?.('ready');
const first = (run.latestGeneration()?.generation ?? -1) + 1;
let generation = first;
step();

function step(): void {
  run.evaluations.record(`subnet ${generation}.${run.evaluations.size}`, generation);
  run.append({ kind: 'log', level: 'info', text: 'x'.repeat(2000) });
  run.saveGeneration(generation, `${generation},`.repeat(10_000));
  run.writeMasks('searched', { generation });
  if (generation === first) process.send?.('wrote');
  generation++;
  setImmediate(step);
}

import { realpathSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { runCli } from './runCli.ts';
import { processTerminal } from './terminal.ts';

/** The engine beside this program: bundled beside bundled, source beside source. */
function engineEntry(program: string): string {
  const here = realpathSync(program);
  return extname(here) === '.ts'
    ? join(dirname(here), '..', 'server', 'main.ts')
    : join(dirname(here), 'engine.cjs');
}

// A reader that goes away, such as "| head", ends what is shown, never the work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const code = runCli(process.argv.slice(2), {
  terminal: processTerminal(process),
  engine: { entry: engineEntry(process.argv[1] ?? '') },
  cwd: process.cwd(),
  onInterrupt: (listener) => {
    process.on('SIGINT', listener);
    process.on('SIGTERM', listener);
    return () => {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    };
  },
  exit: (status) => process.exit(status),
});
// Setting the code, not exiting, lets everything written reach a slow pipe.
void code.then((status) => {
  process.exitCode = status;
});

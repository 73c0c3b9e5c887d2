import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isEngineError } from '../protocol/errors.ts';
import { engineVersion } from '../server/engineVersion.ts';
import { Service } from './service.ts';
import { ANOTHER_LIVES } from './startService.ts';

// The engine service: started detached by the first window that needs it, it ends by itself. It
// speaks over the socket that service.json of its state folder names.
// Arguments: --state DIR [--idle-ms N] [--hello-ms N] [--engine PROGRAM]; the last three for tests.

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      state: { type: 'string' },
      'idle-ms': { type: 'string' },
      'hello-ms': { type: 'string' },
      engine: { type: 'string' },
    },
  });
  if (values.state === undefined) throw new Error('--state DIR is missing');
  process.title = 'subnet-studio service';
  // A terminal that closes must not end what was started to outlive it.
  process.on('SIGHUP', () => undefined);
  const service = await Service.start({
    stateDir: values.state,
    version: engineVersion,
    engine: { entry: values.engine ?? engineEntry() },
    ...millisecondsOf('idleMs', values['idle-ms']),
    ...millisecondsOf('helloMs', values['hello-ms']),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void service.end());
  }
  await service.ended;
  process.exit(0);
}

/** The engine beside this bundle, or its source when this process runs the source itself. */
function engineEntry(): string {
  // Only a CommonJS bundle has `__filename`.
  if (typeof __filename === 'string') return join(dirname(__filename), 'engine.cjs');
  return fileURLToPath(new URL('../server/main.ts', import.meta.url));
}

function millisecondsOf<Name extends string>(
  name: Name,
  text: string | undefined,
): Partial<Record<Name, number>> {
  return (text === undefined ? {} : { [name]: Number(text) }) as Partial<Record<Name, number>>;
}

main().catch((error: unknown) => {
  console.error(isEngineError(error) ? error.message : error);
  // Another service that lives is no failure: the client finds it.
  process.exit(isEngineError(error, 'run') ? ANOTHER_LIVES : 1);
});

import { fileURLToPath } from 'node:url';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { engineApi } from '../../src/protocol/engineApi.ts';
import { EngineClient } from '../../src/server/client.ts';
import { atMost, type Measurement } from './measurement.ts';

const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** How long the host's event loop is held up while the engine works in its own process. */
export async function hostBench(): Promise<Measurement[]> {
  const engine = await EngineClient.start({ entry: inRepository('dist/engine.cjs'), execArgv: [] });
  try {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await engine.request(engineApi.evaluate, {
      path: inRepository('examples/tiny-llama'),
      text: inRepository('examples/text/calibration.txt'),
      context: 256,
      device: 'cpu',
    });
    delay.disable();
    const lateMs = delay.percentile(99) / 1e6 - 1;
    return [
      atMost('host event loop late while the engine works, 99th percentile', lateMs, 50, 'ms'),
    ];
  } finally {
    await engine.stop();
  }
}

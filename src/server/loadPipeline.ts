import type { Pipeline } from './handlers.ts';

/**
 * The engine, loaded when it is first needed.
 * @throws whatever keeps a native library from being loaded
 */
export async function loadPipeline(): Promise<Pipeline> {
  const [start, resume, evaluate, write, subnet, estimate, inspect, devices, compare] =
    await Promise.all([
      import('../engine/pipeline/startRun.ts'),
      import('../engine/pipeline/resumeRun.ts'),
      import('../engine/pipeline/evaluateModel.ts'),
      import('../engine/pipeline/exportRun.ts'),
      import('../engine/pipeline/workOnSubnet.ts'),
      import('../engine/pipeline/estimateRun.ts'),
      import('../engine/pipeline/inspectModel.ts'),
      import('../engine/pipeline/listDevices.ts'),
      import('../engine/pipeline/compareMethods.ts'),
    ]);
  return {
    ...start,
    ...resume,
    ...evaluate,
    ...write,
    ...subnet,
    ...estimate,
    ...inspect,
    ...devices,
    ...compare,
  };
}

import type { Pipeline } from './handlers.ts';

/**
 * The engine, loaded when it is first needed.
 * @throws whatever keeps a native library from being loaded
 */
export async function loadPipeline(): Promise<Pipeline> {
  const [startRun, resumeRun, evaluateModel, exportRun, inspectModel, listDevices] =
    await Promise.all([
      load('startRun'),
      load('resumeRun'),
      load('evaluateModel'),
      load('exportRun'),
      load('inspectModel'),
      load('listDevices'),
    ]);
  return { startRun, resumeRun, evaluateModel, exportRun, inspectModel, listDevices };
}

/** Each file of the pipeline folder is named after the function it exports. */
async function load<K extends keyof Pipeline>(name: K): Promise<Pipeline[K]> {
  const module = (await import(`../engine/pipeline/${name}.ts`)) as Readonly<
    Record<K, Pipeline[K]>
  >;
  return module[name];
}

import { buildSync } from 'esbuild';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledTexts } from '../../scripts/bundledTexts.mjs';

/** Programs of a service under test. */
export interface ServicePrograms {
  readonly service: string;
  /** An engine whose behaviour is chosen by the name of the config, without a model. */
  readonly standIn: string;
}

/**
 * Bundles the service with the real engine and its device probe, and the stand-in engine.
 * @param out  folder to write to
 */
export function bundleService(out: string): ServicePrograms {
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  buildSync({
    entryPoints: [
      { in: at('../../src/service/main.ts'), out: 'service' },
      { in: at('../../src/server/main.ts'), out: 'engine' },
      { in: at('../../src/engine/pipeline/probeMain.ts'), out: 'probe' },
      { in: at('../server/standInEngine.ts'), out: 'standIn' },
    ],
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    define: bundledTexts,
    external: ['onnxruntime-node'],
    logOverride: { 'empty-import-meta': 'silent' },
    logLevel: 'error',
  });
  // The bundle lies outside the repository, the native package in it.
  symlinkSync(at('../../node_modules'), join(out, 'node_modules'), 'junction');
  return { service: join(out, 'service.cjs'), standIn: join(out, 'standIn.cjs') };
}

import { symlinkSync } from 'node:fs';
import { buildSync } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { bundledTexts } from '../../scripts/bundledTexts.mjs';

/**
 * Bundles `pipelineChild.ts` with its device probe: plain JavaScript starts ten times faster than
 * sources, and is what users run.
 * @param out  folder to write to
 * @returns path of the program
 */
export function bundlePipeline(out: string): string {
  const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  buildSync({
    entryPoints: [
      { in: at('pipelineChild.ts'), out: 'pipelineChild' },
      { in: at('../../src/engine/pipeline/probeMain.ts'), out: 'probe' },
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
    logLevel: 'error',
  });
  // The bundle lies outside the repository, the native package in it.
  symlinkSync(at('../../node_modules'), join(out, 'node_modules'), 'junction');
  return join(out, 'pipelineChild.cjs');
}

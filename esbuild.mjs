// Builds the programs of the product into dist/. Native packages stay outside the bundles.
import { build, context } from 'esbuild';
import { existsSync } from 'node:fs';

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  sourcemap: 'linked',
  external: ['onnxruntime-node', 'vscode'],
  logLevel: 'info',
  outExtension: { '.js': '.cjs' },
  outdir: 'dist',
};
const entries = {
  cli: 'src/cli/main.ts',
  engine: 'src/server/main.ts',
  probe: 'src/engine/pipeline/probeMain.ts',
};
const options = {
  ...common,
  entryPoints: Object.entries(entries)
    .filter(([, path]) => existsSync(path))
    .map(([out, path]) => ({ in: path, out })),
};

if (process.argv.includes('--watch')) {
  const watcher = await context(options);
  await watcher.watch();
} else {
  await build(options);
}

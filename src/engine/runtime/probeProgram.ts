import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** How to start the probe process. */
export interface ProbeProgram {
  /** The program to fork. */
  readonly entry: string;
  /** Options of Node in front of it. */
  readonly execArgv: readonly string[];
}

/**
 * Where this code runs from: a bundle in `dist`, or its source through tsx.
 * @returns `from`: file (path or URL) that packages are resolved from; `folder`: the folder it is in
 */
export function programPlace(): {
  readonly bundled: boolean;
  readonly from: string;
  readonly folder: string;
} {
  // Only a CommonJS bundle has `__filename`, and only a module has `import.meta.url`.
  if (typeof __filename === 'string') {
    return { bundled: true, from: __filename, folder: dirname(__filename) };
  }
  const from = import.meta.url;
  return { bundled: false, from, folder: dirname(fileURLToPath(from)) };
}

/** The probe beside this bundle, or its source when this process runs the source itself. */
export function probeProgram(): ProbeProgram {
  const { bundled, from, folder } = programPlace();
  if (bundled) return { entry: join(folder, 'probe.cjs'), execArgv: [] };
  return {
    entry: join(folder, '..', 'pipeline', 'probeMain.ts'),
    execArgv: ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href],
  };
}

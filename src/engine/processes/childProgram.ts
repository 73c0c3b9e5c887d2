import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** How to start one of the product's own processes. */
export interface ChildProgram {
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

/**
 * A program beside this bundle, or its source when this process runs the source itself.
 * @param bundle  name of the program in `dist`, without extension
 * @param source  its source file, relative to `src/engine`
 */
export function childProgram(bundle: string, source: string): ChildProgram {
  const { bundled, from, folder } = programPlace();
  if (bundled) return { entry: join(folder, `${bundle}.cjs`), execArgv: [] };
  return {
    entry: join(folder, '..', source),
    execArgv: ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href],
  };
}

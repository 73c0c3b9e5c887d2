import { realpathSync } from 'node:fs';
import { isAbsolute, join, normalize, sep } from 'node:path';
import { EngineError } from '../../protocol/errors.ts';

/**
 * The absolute path of something in a folder, which must not lead out of it.
 * @param folder  an existing folder
 * @param name  relative path of a file or folder that need not exist
 * @throws EngineError `run` for an absolute path, for `..`, and for a link that leaves the folder
 */
export function insideFolder(folder: string, name: string): string {
  const clean = normalize(name);
  const parts = clean.split(sep);
  if (isAbsolute(name) || parts.includes('..') || name.includes('\0') || name === '') {
    throw leaves(folder, name);
  }
  const path = join(folder, clean);
  const root = realpathSync(folder);
  // Walk up to the deepest part that exists: a link anywhere on the way counts.
  for (let depth = parts.length; depth > 0; depth--) {
    const real = realPath(join(folder, ...parts.slice(0, depth)));
    if (real === undefined) continue;
    if (real !== root && !real.startsWith(root + sep)) throw leaves(folder, name);
    break;
  }
  return path;
}

/** Undefined when there is nothing, or only a link to nothing. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function leaves(folder: string, name: string): EngineError {
  return new EngineError('run', {
    what: folder,
    expected: 'only paths inside the run folder',
    found: JSON.stringify(name),
    action: 'Do not link or edit files of a run folder; restore it or start a new run.',
  });
}

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

/** A regular file of a tar archive. */
export interface TarFile {
  /** Path inside the archive, with forward slashes. */
  readonly path: string;
  readonly executable: boolean;
  /** A view of the archive's bytes. */
  readonly bytes: Buffer;
}

const BLOCK = 512;

/**
 * The regular files of a tar archive; folders, links and metadata of other kinds are left out.
 * Long names come as npm writes them: in the prefix field, or in a pax header before the file.
 */
export function* tarFiles(archive: Buffer): Generator<TarFile> {
  let longPath: string | null = null;
  for (let at = 0; at + BLOCK <= archive.length;) {
    const text = (from: number, length: number): string =>
      archive.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = parseInt(text(124, 12), 8) || 0;
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    const kind = text(156, 1);
    if (kind === 'x') {
      longPath = /(?:^|\n)\d+ path=(.*)\n/.exec(bytes.toString('utf8'))?.[1] ?? null;
    } else {
      const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
      const path = longPath ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`);
      longPath = null;
      if ((kind === '' || kind === '0') && path !== '') {
        const executable = (parseInt(text(100, 8), 8) & 0o111) !== 0;
        yield { path: posix.normalize(path), executable, bytes };
      }
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/**
 * Writes the files of an archive under a folder.
 * @param place  path in the folder for a path of the archive; null leaves the file out
 */
export async function unpackTar(
  archive: Buffer,
  folder: string,
  place: (path: string) => string | null,
): Promise<void> {
  for (const { path, executable, bytes } of tarFiles(archive)) {
    const to = place(path);
    if (to === null) continue;
    if (posix.isAbsolute(to) || to.split('/').includes('..')) {
      throw new Error(`the archive has a file outside of it: ${path}`);
    }
    const file = join(folder, to);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
    if (executable) await chmod(file, 0o755);
  }
}

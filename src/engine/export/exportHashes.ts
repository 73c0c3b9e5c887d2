import { readdirSync, type Dirent } from 'node:fs';
import { basename, join } from 'node:path';
import { copyFile } from '../../files/copyFolder.ts';
import { hashFile } from '../../files/fileHash.ts';
import { insideFolder, makeFolderInside } from '../../files/insideFolder.ts';
import { identityOf } from '../../files/plainFile.ts';
import { releaseQuietly } from '../../files/release.ts';
import { onDisk, removeFile } from '../../files/writeFile.ts';
import { EngineError, throwIfAborted } from '../../protocol/errors.ts';
import type { ExportReport } from '../../protocol/runRecord.ts';

/** SHA-256, hex, of the files of an export, by their names in its folder. */
export type ExportHashes = Readonly<Record<string, string>>;

/**
 * Verifies the files of an export and records what they hold: the hashes are those of the files that
 * were verified, for a file that changes meanwhile is an error.
 * @param folder  of the export
 * @param verify  looks at the files; leaves none of its own behind
 * @throws EngineError `verify` for a change, `disk`, `cancelled`; whatever `verify` throws
 */
export async function verifiedHashes<T>(
  folder: string,
  verify: () => Promise<T>,
  signal?: AbortSignal,
): Promise<{ readonly verified: T; readonly hashes: ExportHashes }> {
  const before = await identitiesOf(folder);
  const hashes = await hashFolder(folder, signal);
  const verified = await verify();
  const changed = firstDifference(before, await identitiesOf(folder));
  if (changed === undefined) return { verified, hashes };
  throw new EngineError('verify', {
    what: join(folder, changed),
    expected: 'a file that nobody writes while it is verified',
    found: 'another content than before',
    action: 'Leave the folder alone and export again.',
    sentence: `${join(folder, changed)} was changed while it was verified.`,
  });
}

/**
 * Checks that exports are as they were verified: all of their files, no others.
 * @param folder  that holds a folder for each
 * @param reports  from when they were verified
 * @throws EngineError `checkpoint` for one that is not, `disk`, `cancelled`
 */
export async function expectVerified(
  folder: string,
  reports: readonly Pick<ExportReport, 'form' | 'verified' | 'hashes'>[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { form, verified, hashes = {} } of reports) {
    if (verified === null) continue;
    const changed = firstDifference(hashes, await hashFolder(join(folder, form), signal));
    if (changed === undefined) continue;
    throw new EngineError('checkpoint', {
      what: join(folder, form, changed),
      expected: 'the file as it was verified',
      found: 'one that was changed, added or removed since',
      action: 'Export it again.',
      sentence: `${join(form, changed)} was changed, added or removed after it was verified.`,
    });
  }
}

/**
 * Copies an export as it was verified. Its files are read once: each is hashed on its way.
 * @param folder  of the export
 * @param parent  an existing folder; gets a folder of the export's name
 * @returns false, with nothing written, when files of it are missing
 * @throws EngineError `verify` for a file that was changed or added since; the copy is then gone.
 *   `disk`, `run` for a link on the way, `cancelled`
 */
export async function copyVerified(
  folder: string,
  parent: string,
  hashes: ExportHashes,
  signal?: AbortSignal,
): Promise<boolean> {
  const standing = standingOf(folder, hashes);
  if (standing === 'incomplete') return false;
  if (standing !== 'same') throw changedError(folder, standing.changed);
  const target = makeFolderInside(parent, basename(folder));
  try {
    for (const [name, sha256] of Object.entries(hashes)) {
      throwIfAborted(signal);
      const parts = name.split('/');
      if (parts.length > 1) makeFolderInside(target, join(...parts.slice(0, -1)));
      const rules = { links: 'refused', mostBytes: Infinity } as const;
      const from = insideFolder(folder, join(...parts));
      await copyFile(from, insideFolder(target, join(...parts)), rules, (found) => {
        if (found !== sha256) throw changedError(folder, name);
      });
    }
  } catch (error) {
    // Half of an export beside files of an older one would look like a whole one.
    for (const name of Object.keys(hashes)) {
      releaseQuietly(() => {
        removeFile(insideFolder(target, name));
      });
    }
    throw error;
  }
  return true;
}

/** What the names alone tell: whether files are missing, or which was added. */
function standingOf(
  folder: string,
  hashes: ExportHashes,
): 'same' | 'incomplete' | { readonly changed: string } {
  const names = new Set(filesIn(folder).map(({ name }) => name));
  const added = [...names].find((name) => !Object.hasOwn(hashes, name));
  if (added !== undefined) return { changed: added };
  return Object.keys(hashes).every((name) => names.has(name)) ? 'same' : 'incomplete';
}

async function hashFolder(folder: string, signal?: AbortSignal): Promise<ExportHashes> {
  const hashes: Record<string, string> = {};
  for (const { name, entry } of filesIn(folder)) {
    // Links and the like are no part of an export; one that is copied must be without them.
    if (entry.isFile()) hashes[name] = await hashFile(join(folder, name), signal);
  }
  return hashes;
}

/** Which files they are as of which write: reading them again would say no more. */
async function identitiesOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const identities: Record<string, string> = {};
  for (const { name, entry } of filesIn(folder)) {
    if (entry.isFile()) identities[name] = await identityOf(join(folder, name));
  }
  return identities;
}

interface Listed {
  readonly name: string;
  readonly entry: Dirent;
}

/** Everything below a folder that is no folder, by name; nothing where there is no folder. */
function filesIn(folder: string, prefix = ''): readonly Listed[] {
  const entries = onDisk(folder, () => {
    try {
      return readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory()
        ? filesIn(join(folder, entry.name), `${prefix}${entry.name}/`)
        : [{ name: `${prefix}${entry.name}`, entry }],
    );
}

function firstDifference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string | undefined {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].find((name) => before[name] !== after[name]);
}

function changedError(folder: string, name: string): EngineError {
  const path = join(folder, name);
  return new EngineError('verify', {
    what: path,
    expected: 'the file as it was verified',
    found: 'one that was changed or added since',
    action: `Delete the folder "${basename(folder)}" and export again: it is then written from the weights of the run.`,
    sentence: `${path} was changed after it was verified; export it again.`,
  });
}

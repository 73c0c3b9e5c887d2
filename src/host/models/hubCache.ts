import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readPlainText } from '../../files/plainFile.ts';

/** A model folder of a Hugging Face download cache. */
export interface CachedModel {
  /** `owner/name`, as on the Hub. */
  readonly name: string;
  /** The snapshot's folder. */
  readonly folder: string;
}

/** What the folder of a model begins with. */
const ENTRY = 'models--';
/** Models of a cache that are looked at; people have dozens. */
const MOST_MODELS = 500;
/** A revision is 40 hex digits; the file that names one holds nothing else. */
const REVISION = /^[0-9a-f]{40}$/;

/**
 * Where the Hugging Face libraries keep what they downloaded, by their environment variables.
 * @param env  variables of the process
 */
export function hubCacheFolder(env: NodeJS.ProcessEnv, home = homedir()): string {
  const named = env['HF_HUB_CACHE'] ?? env['HUGGINGFACE_HUB_CACHE'];
  if (named !== undefined && named !== '') return named;
  if (env['HF_HOME'] !== undefined && env['HF_HOME'] !== '') return join(env['HF_HOME'], 'hub');
  const base = env['XDG_CACHE_HOME'];
  return join(
    base === undefined || base === '' ? join(home, '.cache') : base,
    'huggingface',
    'hub',
  );
}

/** What a person calls the model of a folder: `owner/name` in a cache, else the folder's name. */
export function modelName(folder: string): string {
  const parts = folder.split(/[\\/]/).filter((part) => part !== '');
  const entry = parts.at(-2) === 'snapshots' ? parts.at(-3) : undefined;
  return entry?.startsWith(ENTRY) === true ? nameOf(entry) : (parts.at(-1) ?? folder);
}

/** The newest snapshot of every model in a cache; none when there is no such folder. */
export async function cachedModels(cache: string): Promise<readonly CachedModel[]> {
  const names = await readdir(cache).catch((): string[] => []);
  const found: CachedModel[] = [];
  for (const entry of names.filter((name) => name.startsWith(ENTRY)).slice(0, MOST_MODELS)) {
    const folder = await snapshotOf(join(cache, entry));
    if (folder !== undefined) found.push({ name: nameOf(entry), folder });
  }
  return found;
}

/** `models--owner--name` → `owner/name`. */
function nameOf(entry: string): string {
  return entry.slice(ENTRY.length).replaceAll('--', '/');
}

/** Empty when the cache does not name one. */
function revisionOf(path: string): string {
  try {
    return (readPlainText(path, { links: 'followed', mostBytes: 1000 }) ?? '').trim();
  } catch {
    return '';
  }
}

/** The snapshot that `main` names, else the youngest. */
async function snapshotOf(model: string): Promise<string | undefined> {
  const snapshots = join(model, 'snapshots');
  const names = await readdir(snapshots).catch((): string[] => []);
  if (names.length === 0) return undefined;
  const revision = revisionOf(join(model, 'refs', 'main'));
  if (REVISION.test(revision) && names.includes(revision)) return join(snapshots, revision);
  const dated = await Promise.all(
    names.map(async (name) => {
      const folder = join(snapshots, name);
      const facts = await stat(folder).catch(() => undefined);
      return { folder, timeMs: facts?.mtimeMs ?? 0 };
    }),
  );
  return dated.sort((a, b) => b.timeMs - a.timeMs)[0]?.folder;
}

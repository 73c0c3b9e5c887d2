import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../fetch/cachedFolder.ts';
import { CHROMIUM, chromiumParts } from '../fetch/chromiumArchive.ts';
import { unpackTar } from '../fetch/tarFiles.ts';

/** The environment in which WebGPU runs on SwiftShader, or why there is none. */
export type SoftwareGpu =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: string };

const WANTED = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1'];

/**
 * Finds SwiftShader in the cache folder, fetching it through npm the first time.
 *
 * The variables must be set before a process starts: its loader reads them once.
 */
export async function softwareGpu(): Promise<SoftwareGpu> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { ok: false, reason: `SwiftShader comes for linux x64, not ${process.platform}` };
  }
  try {
    const folder = await cachedFolder(`swiftshader-${CHROMIUM.version}`, fill);
    return { ok: true, env: environment(folder) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `SwiftShader could not be fetched: ${text}` };
  }
}

async function fill(folder: string, work: string): Promise<void> {
  const [archive] = await chromiumParts(['swiftshader.tar'], work);
  await unpackTar(archive!, folder, (path) => (WANTED.includes(path) ? path : null));
  const missing = WANTED.filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) throw new Error(`the archive has no ${missing.join(', ')}`);
}

function environment(folder: string): Record<string, string> {
  const libraries = [folder, process.env['LD_LIBRARY_PATH'] ?? ''].filter((path) => path !== '');
  return {
    LD_LIBRARY_PATH: libraries.join(':'),
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
    XDG_RUNTIME_DIR: folder,
  };
}

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

/** The environment in which WebGPU runs on SwiftShader, or why there is none. */
export type SoftwareGpu =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly reason: string };

/** A headless Chromium for servers, which carries SwiftShader and a Vulkan loader; needs no script. */
const PACKAGE = '@sparticuz/chromium';
const VERSION = '147.0.0';
/** SHA-512 of the package's archive: native code is run from it. */
const SHA512 =
  '4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==';
const ARCHIVE = 'package/bin/swiftshader.tar.br';
const WANTED = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json', 'libvulkan.so.1'] as const;
/** The archive is 65 MiB. */
const DOWNLOAD_MS = 180_000;

const cache = fileURLToPath(new URL('../../.vscode-test/', import.meta.url));

/**
 * Finds SwiftShader in the cache folder, fetching it through npm the first time.
 *
 * The variables must be set before a process starts: its loader reads them once.
 */
export async function softwareGpu(): Promise<SoftwareGpu> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { ok: false, reason: `SwiftShader comes for linux x64, not ${process.platform}` };
  }
  const folder = join(cache, `swiftshader-${VERSION}`);
  try {
    if (!isComplete(folder)) await fetchInto(folder);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const line = /npm error code .*/.exec(text)?.[0] ?? text.split('\n')[0] ?? '';
    return { ok: false, reason: `SwiftShader could not be fetched: ${line}` };
  }
  const libraries = [folder, process.env['LD_LIBRARY_PATH'] ?? ''].filter((path) => path !== '');
  return {
    ok: true,
    env: {
      LD_LIBRARY_PATH: libraries.join(':'),
      VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
      XDG_RUNTIME_DIR: folder,
    },
  };
}

function isComplete(folder: string): boolean {
  return WANTED.every((name) => existsSync(join(folder, name)));
}

/** Unpacks beside the folder and moves it into place, so that it is whole or not there. */
async function fetchInto(folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'fetch-'));
  try {
    const options = { cwd: work, timeout: DOWNLOAD_MS };
    const spec = `${PACKAGE}@${VERSION}`;
    const quiet = ['--ignore-scripts', '--loglevel=error', '--fetch-retries=0'];
    await promisify(execFile)('npm', ['pack', spec, ...quiet], options);
    const packed = await readFile(join(work, `sparticuz-chromium-${VERSION}.tgz`));
    const found = createHash('sha512').update(packed).digest('base64');
    if (found !== SHA512) throw new Error(`${spec} has SHA-512 ${found}, expected ${SHA512}`);
    const compressed = member(gunzipSync(packed), ARCHIVE);
    const archive = brotliDecompressSync(compressed);
    const unpacked = join(work, 'unpacked');
    await mkdir(unpacked);
    for (const name of WANTED) await writeFile(join(unpacked, name), member(archive, name));
    await rename(unpacked, folder).catch((error: unknown) => {
      // Another test process may have been faster.
      if (!isComplete(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The content of one file of a tar archive: 512-byte headers, contents padded to 512 bytes. */
function member(archive: Buffer, wanted: string): Buffer {
  for (let at = 0; at + 512 <= archive.length;) {
    const text = (from: number, length: number): string =>
      archive.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    const [name, size] = [text(0, 100), parseInt(text(124, 12), 8) || 0];
    if (name.replace(/^\.\//, '') === wanted) return archive.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the archive has no ${wanted}`);
}

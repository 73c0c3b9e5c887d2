import { brotliDecompressSync } from 'node:zlib';
import { npmArchive, type NpmArchive } from './npmArchive.ts';
import { tarFiles } from './tarFiles.ts';

/** A headless Chromium for servers with its libraries, fonts and a software GPU; needs no script. */
export const CHROMIUM: NpmArchive = {
  name: '@sparticuz/chromium',
  version: '147.0.0',
  sha512:
    '4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==',
};

/** Its parts: the program itself, and three tar archives. */
export type ChromiumPart = 'chromium' | 'al2023.tar' | 'fonts.tar' | 'swiftshader.tar';

/**
 * Fetches parts of the package, which holds each compressed with brotli.
 * @returns them in the order asked for
 */
export async function chromiumParts(
  parts: readonly ChromiumPart[],
  work: string,
): Promise<Buffer[]> {
  const archive = await npmArchive(CHROMIUM, work);
  const compressed = new Map([...tarFiles(archive)].map(({ path, bytes }) => [path, bytes]));
  return parts.map((part) => {
    const bytes = compressed.get(`package/bin/${part}.br`);
    if (bytes === undefined) throw new Error(`${CHROMIUM.name} has no ${part}`);
    return brotliDecompressSync(bytes);
  });
}

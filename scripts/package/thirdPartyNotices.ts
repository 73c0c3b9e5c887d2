import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;

/**
 * The licences of every package that is bundled, or shipped beside the bundles. The bundles' source
 * maps say which those are, so that none is forgotten.
 * @param bundles  file names in dist
 */
export function thirdPartyNotices(bundles: readonly string[], withRuntime: boolean): string {
  const names = new Set(bundles.flatMap(packagesIn));
  if (bundles.some((name) => name.startsWith('codicon'))) names.add('@vscode/codicons');
  const native = ['onnxruntime-node', 'onnxruntime-common', 'tokenizers'];
  if (withRuntime) for (const name of native) names.add(name);
  const sections = [...names].sort().map(section);
  return `Subnet Studio contains the following packages.\n\n${sections.join('\n')}`;
}

function packagesIn(bundle: string): string[] {
  const path = join(ROOT, 'dist', `${bundle}.map`);
  if (!existsSync(path)) return [];
  const { sources } = JSON.parse(readFileSync(path, 'utf8')) as { sources: readonly string[] };
  return sources.flatMap((source) => {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
    return name === undefined ? [] : [name];
  });
}

function section(name: string): string {
  const folder = join(ROOT, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly license?: string;
  };
  const texts = readdirSync(folder)
    .filter((file) => LICENCE_FILE.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const title = `${name} ${version} (${license ?? 'see below'})`;
  return ['-'.repeat(80), title, '', ...texts, ''].join('\n');
}

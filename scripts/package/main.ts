import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT, vsixContents } from './contents.ts';
import { OWN_TARGET, TARGETS } from './targets.ts';

const OUT = join(ROOT, 'out', 'vsix');

const { values } = parseArgs({
  options: { all: { type: 'boolean' }, target: { type: 'string', multiple: true } },
});
const targets = values.all === true ? [...TARGETS.keys()] : (values.target ?? [OWN_TARGET]);
const unknown = targets.find((target) => !TARGETS.has(target));
if (unknown !== undefined) {
  console.error(
    `There is no ONNX Runtime for ${unknown}, so there is no VSIX for it. Choose one of ` +
      `${[...TARGETS.keys()].join(', ')} with --target; universal can browse runs only.`,
  );
  process.exit(1);
}
for (const target of targets) {
  const path = packageFor(target);
  console.log(`${path.slice(ROOT.length)}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
}

/**
 * Stages what the VSIX holds and lets vsce pack it. Two may do so at once: each has a folder of its
 * own, and the VSIX is moved into place whole.
 * @returns the path of the VSIX
 */
function packageFor(target: string): string {
  mkdirSync(OUT, { recursive: true });
  const folder = mkdtempSync(join(OUT, `.${target}-`));
  try {
    stage(target, folder);
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      readonly name: string;
      readonly version: string;
    };
    const packed = `${folder}.vsix`;
    pack(target, folder, packed);
    const path = join(OUT, `${name}-${target}-${version}.vsix`);
    renameSync(packed, path);
    return path;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pack(target: string, folder: string, packed: string): void {
  const vsce = join(ROOT, 'node_modules', '@vscode', 'vsce', 'vsce');
  const options = [
    ...['package', '--no-dependencies', '--allow-missing-repository'],
    ...['--no-rewrite-relative-links', '--out', packed],
    ...(TARGETS.get(target) === null ? [] : ['--target', target]),
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [vsce, ...options], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return;
  throw new Error(`vsce could not pack ${target}:\n${stdout}${stderr}`);
}

function stage(target: string, folder: string): void {
  for (const [to, source] of vsixContents(TARGETS.get(target) ?? null)) {
    const path = join(folder, to);
    mkdirSync(dirname(path), { recursive: true });
    if ('path' in source) copyFileSync(join(ROOT, source.path), path);
    else writeFileSync(path, source.text);
  }
}

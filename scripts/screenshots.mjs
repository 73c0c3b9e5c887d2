// Runs the end-to-end test in a real VS Code and takes its pictures into the README.
// The picture of a comparison shows that of the example; run it before, for it takes long:
// node dist/cli.cjs compare examples/tiny-llama-compare.subnet.jsonc
// Usage: npm run screenshots [-- --keep], which takes those of the last run.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, runInForeground, setUp } from './setup.mjs';

const PICTURES = ['running', 'dashboard', 'masks', 'zeros', 'methods', 'beside', 'killed'];

await setUp();
if (!process.argv.includes('--keep')) {
  process.env.SUBNET_PICTURES = '1';
  const code = await runInForeground(process.execPath, ['test/run.mjs', 'vscode/endToEnd']);
  if (code !== 0) process.exit(code);
}
const to = join(root, 'media', 'screenshots');
mkdirSync(to, { recursive: true });
for (const name of PICTURES) {
  copyFileSync(join(root, 'out', 'screenshots', `${name}.png`), join(to, `${name}.png`));
}

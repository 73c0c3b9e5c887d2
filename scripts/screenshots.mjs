// Runs the end-to-end test in a real VS Code and takes its pictures into the README.
// Usage: npm run screenshots [-- --keep], which takes those of the last run.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, runInForeground, setUp } from './setup.mjs';

const PICTURES = ['running', 'dashboard', 'masks', 'beside', 'killed'];

await setUp();
if (!process.argv.includes('--keep')) {
  const code = await runInForeground(process.execPath, ['test/run.mjs', 'vscode/endToEnd']);
  if (code !== 0) process.exit(code);
}
const to = join(root, 'media', 'screenshots');
mkdirSync(to, { recursive: true });
for (const name of PICTURES) {
  copyFileSync(join(root, 'out', 'screenshots', `${name}.png`), join(to, `${name}.png`));
}

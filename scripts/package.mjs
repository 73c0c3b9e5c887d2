// Sets the checkout up and makes VSIX files: npm run package [-- --all | --target NAME …]
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  ...['--import', 'tsx', 'scripts/package/main.ts'],
  ...process.argv.slice(2),
]);
process.exit(code);

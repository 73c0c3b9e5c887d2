// Sets the checkout up, then measures the engine: npm run bench [-- --json] [-- --quick]
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  '--import',
  'tsx',
  'scripts/bench/main.ts',
  ...process.argv.slice(2),
]);
process.exit(code);

// Sets the checkout up, then compares the structured methods and writes docs/results:
// npm run compare [-- CONFIG] [-- --seeds 0,1,2] [-- --ratios 0.7] [-- --methods flap,paper] [-- --json]
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  ...['--import', 'tsx', 'scripts/compare/main.ts'],
  ...process.argv.slice(2),
]);
process.exit(code);

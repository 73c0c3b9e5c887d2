// Shows dashboards of recorded runs in a browser: npm run panel [-- --live] [--port N]
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  ...['--import', 'tsx', 'scripts/panel/main.ts'],
  ...process.argv.slice(2),
]);
process.exit(code);

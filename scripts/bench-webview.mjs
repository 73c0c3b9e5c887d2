// Sets the checkout up, then measures the extension: npm run bench:webview [-- --json]
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  ...['--import', 'tsx', 'scripts/bench/webviewMain.ts'],
  ...process.argv.slice(2),
]);
process.exit(code);

// Sets the checkout up, then searches and reforms the bundled model.
// Usage: npm run demo [-- options of "subnet run"], e.g. npm run demo -- --json
import { runInForeground, setUp } from './setup.mjs';

await setUp();
const code = await runInForeground(process.execPath, [
  'dist/cli.cjs',
  'run',
  'examples/tiny-llama.subnet.jsonc',
  ...process.argv.slice(2),
]);
process.exit(code);

// Everything that must hold: format, lint, types, build, tests. This is also the whole CI.
// Usage: npm test [-- parts of test paths], which then runs only these tests.
import { join } from 'node:path';
import { Failure, giveUp, root, runInForeground, runQuietly, setUp, step } from './setup.mjs';

const parts = process.argv.slice(2);
await setUp();
const failures = parts.length > 0 ? [] : await staticChecks();
const code = await runInForeground(process.execPath, ['test/run.mjs', ...parts]);
if (failures.length > 0) giveUp(new Failure(failures.join('\n\n')));
process.exit(code);

/** Runs the checks that read the sources, two at a time. @returns what they complain about */
async function staticChecks() {
  const tool = (path, ...args) =>
    runQuietly(process.execPath, [join('node_modules', path), ...args]);
  const checks = [
    ['Linting', () => tool('eslint/bin/eslint.js', '.', '--max-warnings=0')],
    ['Checking types', () => tool('typescript/bin/tsc', '-p', 'tsconfig.json')],
    ['Checking types of the webview', () => tool('typescript/bin/tsc', '-p', 'webview')],
    ['Checking format', () => tool('prettier/bin/prettier.cjs', '--check', '.')],
  ];
  const complaints = [];
  const worker = async () => {
    for (let check = checks.shift(); check !== undefined; check = checks.shift()) {
      const [name, work] = check;
      try {
        await step(name, work, { alone: false });
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        process.stderr.write(`${error.message.replaceAll(`${root}/`, '')}\n`);
        complaints.push(`${name} failed; see above.`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  return complaints;
}

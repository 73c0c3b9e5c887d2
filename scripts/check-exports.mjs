// Runs scripts/parity/check_exports.py where a Python has what it needs, and says so where none has.
// Usage: [PYTHON=path] npm run check:exports [-- case …]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const NEEDED = 'torch, transformers, peft, accelerate, tokenizers, onnxruntime';
const python = process.env.PYTHON ?? 'python3';
const { status, stderr } = spawnSync(python, ['-c', `import ${NEEDED}`], { encoding: 'utf8' });
if (status !== 0) {
  const reason = stderr?.trim().split('\n').at(-1) ?? 'it cannot be started';
  console.error(`Skipped: ${python} lacks one of ${NEEDED} (${reason}).`);
  console.error('Set PYTHON to one that has them.');
  process.exit(process.env.PYTHON === undefined ? 0 : 1);
}
const script = fileURLToPath(new URL('parity/check_exports.py', import.meta.url));
const run = spawnSync(python, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(run.status ?? 1);

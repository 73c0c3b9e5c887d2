// Runs the device tests alone: WebGPU on the SwiftShader that test/device/softwareGpu.ts fetches.
// Usage: node scripts/gpu-test.mjs
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const runner = fileURLToPath(new URL('../test/run.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [runner, 'device/'], { stdio: 'inherit' });
process.exit(status ?? 1);

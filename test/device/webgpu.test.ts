import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceChoice } from '../../src/engine/runtime/devices.ts';
import type { DeviceFindings } from './compareMain.ts';
import { forkJson } from './forkJson.ts';
import { softwareGpu } from './softwareGpu.ts';

const gpu = await softwareGpu();
const skip = gpu.ok ? false : gpu.reason;
if (!gpu.ok) console.log(`The WebGPU tests are skipped: ${gpu.reason}.`);
const env = gpu.ok ? gpu.env : {};

describe('WebGPU on SwiftShader', { skip }, () => {
  let findings: DeviceFindings;

  it('runs all models on the device and fails cleanly when memory is short', async () => {
    ({ value: findings } = await forkJson<DeviceFindings>('compareMain.ts', [], env));
    const { tooLarge } = findings;
    assert.equal(tooLarge.isDeviceError, true, tooLarge.message);
    assert.match(tooLarge.message, /: not enough memory on the device\. Use a shorter context/);
    assert.equal(findings.afterwards, 4);
  });

  it('gives the numbers of the CPU for dense and ragged masks, taps, loss, KL and logits', () => {
    // Per sublayer a state and two taps, a removed one a state only; then loss, rows, KL and logits.
    assert.equal(findings.comparisons.length, 3 * 2 * (4 * 3 + 4 + (3 * 3 + 1 + 4)));
    for (const { name, maxDifference, size } of findings.comparisons) {
      assert.ok(maxDifference <= 1e-4, `${name}: off by ${maxDifference}`);
      assert.ok(size > 1e-3, `${name}: nothing to compare, ${size}`);
    }
  });

  it('keeps every state on the device between sublayers', () => {
    // The removed MLP of the ragged subnet passes on what attention left on the device.
    assert.equal(findings.locations.length, 3 * 2 * 2 * 4 * 2);
    assert.deepEqual([...new Set(findings.locations)], ['gpu-buffer']);
  });

  it('uploads weights for the first subnet only', () => {
    // Per block q, k, v, o, (gate,) up, down, then the head; OPT's rows have biases too. The last model
    // has maps to and from its embedding.
    const expected = [2 * 7 + 1, 2 * (6 + 4) + 1, 2 * (6 + 4) + 3].map((first) => ({
      ...{ first, later: 0 },
      // Of a model that is read block by block nothing stays; of another one all, until it is forgotten.
      ...{ left: 0, freed: first },
    }));
    assert.deepEqual(findings.uploads, expected);
  });

  it('frees every device tensor that is not a weight, and the weights with the runtime', () => {
    assert.equal(findings.leaked, 0);
    assert.equal(findings.aliveAfterRelease, 0);
  });

  it('computes nothing but shapes on the CPU', async () => {
    const { value, stderr } = await forkJson<{ graphs: number }>('placementMain.ts', [], env);
    const parts = stderr.split('#graph ').slice(1);
    assert.equal(parts.length, value.graphs);
    for (const part of parts) {
      const [name = ''] = part.split('\n');
      assert.match(part, /laced on \[WebGpuExecutionProvider\]/, name);
      assert.doesNotMatch(part, /Memcpy(To|From)Host/, name);
      const onCpu = operatorsOn('CPUExecutionProvider', part);
      assert.equal(onCpu.size > 0, name.endsWith('attention'), name);
      for (const operator of ['Shape', 'Slice', 'Concat', 'Mul']) onCpu.delete(operator);
      assert.deepEqual([...onCpu], [], name);
    }
  });

  it('is found to work but left for the CPU, which is faster', async () => {
    type Choices = Record<'auto' | 'named', DeviceChoice>;
    const { value } = await forkJson<Choices>('chooseMain.ts', [], env);
    const { auto, named } = value;
    assert.equal(auto.device, 'cpu');
    const report = auto.reports.find(({ device }) => device === 'webgpu')!;
    assert.equal(report.ok, true, report.reason);
    assert.match(report.reason, /^slower \(/);
    assert.ok(report.gflops! > 0 && report.gflops! < auto.reports[0]!.gflops!);
    assert.match(auto.summary, /^Using CPU \(\d+ GFLOP\/s, 2 threads\)\. WebGPU skipped: slower/);
    assert.equal(named.device, 'webgpu');
  });
});

/** Operators that ONNX Runtime's log says a provider runs. */
function operatorsOn(provider: string, log: string): Set<string> {
  const operators = new Set<string>();
  let current: string | undefined;
  for (const line of log.split('\n')) {
    current = /laced on \[(\w+)\]/.exec(line)?.[1] ?? current;
    const operator = /\] +(\w+) \(n\d+_\w+\)/.exec(line)?.[1];
    if (operator !== undefined && current === provider) operators.add(operator);
  }
  return operators;
}

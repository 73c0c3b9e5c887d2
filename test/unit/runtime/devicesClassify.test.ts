import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyDeviceError } from '../../../src/engine/runtime/devicesClassify.ts';

const place =
  '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 void f(const Config&) ok was false. ';

test('messages of ONNX Runtime become a short cause', () => {
  const causes: Record<string, string> = {
    [`${place}Failed to get a WebGPU adapter: No supported adapters`]: 'no adapter found',
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library':
      'the CUDA libraries cannot be loaded',
    'no available backend found. ERR: [dml] backend not found.':
      'not part of this build of ONNX Runtime',
    "Cannot find module '../bin/napi-v6/darwin/x64/onnxruntime_binding.node'":
      'ONNX Runtime has no build for this platform',
    'The specified module could not be found. \\\\?\\C:\\x\\onnxruntime_binding.node':
      'the native library of ONNX Runtime cannot be loaded',
    'Program Cast requires f16 but the device does not support it.':
      'no half precision on this device',
    'WebGPU device was lost: reason unknown': 'the device was lost',
    'CUDA failure 700: an illegal memory access was encountered': 'the device was lost',
    'std::bad_alloc': 'not enough memory on the device',
    'Failed to load model because protobuf parsing failed.': 'a model file that is not ONNX',
    "Invalid argument: WebGPU EP has an unrecognized option: 'deviceId'.":
      'an option the provider does not know',
    'Unsupported data type: 16': 'an element type this runtime cannot bind',
    "input 'labels' is missing in 'feeds'.": "input 'labels' is missing in 'feeds'",
  };
  for (const [message, cause] of Object.entries(causes)) {
    const problem = classifyDeviceError(message);
    assert.equal(problem.cause, cause);
    assert.match(problem.action, /^[A-Z].*\.$/);
  }
});

test('an unknown message is shown without the source location, on one line and cut', () => {
  assert.equal(classifyDeviceError(`${place}Something\n new. \n`).cause, 'Something new');
  const node = `Non-zero status code returned while running MatMul node. Name:'n0' Status Message: ${place}Odd`;
  assert.equal(classifyDeviceError(node).cause, 'MatMul: Odd');
  assert.ok(classifyDeviceError('x'.repeat(10_000)).cause.length < 300);
  assert.equal(classifyDeviceError(' \n').cause, 'no reason given');
});

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import {
  deviceCandidates,
  type PlatformFacts,
  platformFacts,
} from '../../../src/engine/runtime/devicesCandidates.ts';
import { engineThreads, threadsPerCore } from '../../../src/engine/runtime/devicesThreads.ts';

function namesOf(facts: PlatformFacts): string[] {
  return deviceCandidates(facts)
    .filter(({ candidate }) => candidate)
    .map(({ device }) => device);
}

const linux: PlatformFacts = {
  platform: 'linux',
  arch: 'x64',
  backends: ['cpu', 'webgpu', 'cuda', 'tensorrt'],
  cudaLibrary: false,
};

test('each platform tries the devices that can exist on it', () => {
  assert.deepEqual(namesOf(linux), ['cpu', 'webgpu']);
  assert.deepEqual(namesOf({ ...linux, cudaLibrary: true }), ['cpu', 'webgpu', 'cuda']);
  assert.deepEqual(namesOf({ ...linux, arch: 'arm64', backends: ['cpu'] }), ['cpu']);
  const windows = { ...linux, platform: 'win32', backends: ['cpu', 'dml', 'webgpu'] };
  assert.deepEqual(namesOf(windows), ['cpu', 'webgpu', 'dml']);
  const mac = {
    ...linux,
    platform: 'darwin',
    arch: 'arm64',
    backends: ['cpu', 'coreml', 'webgpu'],
  };
  assert.deepEqual(namesOf(mac), ['cpu', 'webgpu', 'coreml']);
});

test('each device that is not tried has a reason and each that is has none', () => {
  for (const { candidate, reason } of deviceCandidates(linux)) {
    assert.equal(reason === '', candidate);
  }
  const cuda = deviceCandidates(linux).find(({ device }) => device === 'cuda');
  assert.equal(cuda?.reason, 'the CUDA provider is not installed');
});

test('this machine can always try its CPU', async () => {
  assert.ok(namesOf(await platformFacts()).includes('cpu'));
});

test('siblings of a core are counted from the list of Linux', () => {
  assert.equal(threadsPerCore('0\n'), 1);
  assert.equal(threadsPerCore('0,64\n'), 2);
  assert.equal(threadsPerCore('0-1\n'), 2);
  assert.equal(threadsPerCore('0-3,8-11'), 8);
  assert.equal(threadsPerCore('nonsense'), 1);
  assert.equal(threadsPerCore(''), 1);
});

test('threads are those asked for, or at most the processors of this process', () => {
  assert.equal(engineThreads(7), 7);
  assert.ok(engineThreads(0) >= 1 && engineThreads(0) <= availableParallelism());
});

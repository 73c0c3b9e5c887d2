import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EngineError } from '../../protocol/errors.ts';
import { programPlace } from '../processes/childProgram.ts';
import { classifyDeviceError } from './devicesClassify.ts';
import type { DeviceName } from './runtime.ts';

/** What decides which devices are worth a try on this machine. */
export interface PlatformFacts {
  /** `process.platform` */
  readonly platform: string;
  /** `process.arch` */
  readonly arch: string;
  /** Providers this build of ONNX Runtime knows; says nothing about hardware. */
  readonly backends: readonly string[];
  /** The separately installed CUDA provider library is there. */
  readonly cudaLibrary: boolean;
}

/** A device and whether it is worth a try here. */
export interface DeviceCandidate {
  readonly device: DeviceName;
  readonly candidate: boolean;
  /** Why not; empty for a candidate. No full stop. */
  readonly reason: string;
}

/** Every device the engine knows, in the order they are told. */
export const deviceNames = ['cpu', 'webgpu', 'cuda', 'dml', 'coreml'] as const;

/**
 * Reads the facts of this machine.
 * @throws EngineError `device` when ONNX Runtime itself cannot be loaded
 */
export async function platformFacts(): Promise<PlatformFacts> {
  let backends: readonly { readonly name: string }[];
  try {
    backends = (await import('./ort.ts')).listSupportedBackends();
  } catch (cause) {
    const problem = classifyDeviceError(cause instanceof Error ? cause.message : String(cause));
    throw new EngineError(
      'device',
      {
        what: 'ONNX Runtime',
        expected: 'to load on this machine',
        found: problem.cause,
        action: problem.action,
        sentence: `ONNX Runtime does not load on this machine: ${problem.cause}.`,
      },
      { cause },
    );
  }
  return {
    platform: process.platform,
    arch: process.arch,
    backends: backends.map(({ name }) => name),
    cudaLibrary: hasCudaLibrary(),
  };
}

/** Tells for each device whether it is worth a try, in the order of {@link deviceNames}. */
export function deviceCandidates(facts: PlatformFacts): DeviceCandidate[] {
  return deviceNames.map((device) => {
    const reason = obstacle(device, facts);
    return { device, candidate: reason === '', reason };
  });
}

function obstacle(device: DeviceName, facts: PlatformFacts): string {
  if (device === 'dml' && facts.platform !== 'win32') return 'it exists on Windows only';
  if (device === 'coreml' && facts.platform !== 'darwin') return 'it exists on macOS only';
  if (device === 'cuda' && !(facts.platform === 'linux' && facts.arch === 'x64')) {
    return 'ONNX Runtime for Node has it on Linux x64 only';
  }
  if (!facts.backends.includes(device)) return 'not part of this build of ONNX Runtime';
  if (device === 'cuda' && !facts.cudaLibrary) {
    return 'the CUDA provider is not installed';
  }
  return '';
}

function hasCudaLibrary(): boolean {
  const { platform, arch } = process;
  const entry = createRequire(programPlace().from).resolve('onnxruntime-node');
  const folder = join(dirname(entry), '..', 'bin', 'napi-v6', platform, arch);
  return existsSync(join(folder, 'libonnxruntime_providers_cuda.so'));
}

import { bytesText } from '../../protocol/sizeText.ts';
import { countParameters } from '../model/cost.ts';
import { denseSubnet } from '../model/subnet.ts';
import type { EstimatedWork } from './estimateSpace.ts';

/** A run's work with the rates it would be done at. */
export interface RatedWork extends EstimatedWork {
  /** Float32 MatMul of the device, GFLOP/s. */
  readonly rate: number;
  /** The same of the CPU, which does what needs float64. */
  readonly cpuRate: number;
}

/** Work of a stage. */
export interface Work {
  /** Float32 operations on the device. */
  readonly flops: number;
  /** Float64 operations on the CPU. */
  readonly flops64?: number;
  /** Native calls. */
  readonly calls?: number;
  /** Bytes read, hashed or written, less those of {@link passes}. */
  readonly bytes?: number;
  /** Passes over the blocks, each of which reads them where they are not in memory. */
  readonly passes?: number;
  /** Time that none of these explains. */
  readonly ms?: number;
  /** What is done, for people. */
  readonly what: string;
}

/** Forward pass over a MatMul of 1024³, large model (scripts/bench, forwardBench: 0.85 to 0.95). */
const FORWARD_EFFICIENCY = 0.85;
/**
 * Float64 factorisation and solves over the float32 rate: half of it by the width of the numbers,
 * half again for panels (scripts/bench, solverBench).
 */
const SOLVER_EFFICIENCY = 0.25;
/** One native call with its gathering of rows, ms; what is left of a step of the bundled model. */
const CALL_MS = 0.35;
/** Reading, hashing and converting weights, bytes per ms; measured on one core. */
const DISK_BYTES_PER_MS = 300_000;

/** Time that work takes, ms. */
export function timeOf(work: Work, rated: RatedWork): number {
  const { flops, flops64 = 0, calls = 0, ms = 0 } = work;
  const forward = flops / (rated.rate * FORWARD_EFFICIENCY * 1e6);
  const solving = flops64 / (rated.cpuRate * SOLVER_EFFICIENCY * 1e6);
  return forward + solving + calls * CALL_MS + bytesOf(work, rated) / DISK_BYTES_PER_MS + ms;
}

/** What is done and how its time comes about, a whole sentence. */
export function whyOf(work: Work, rated: RatedWork): string {
  const { what, flops, flops64 = 0 } = work;
  const bytes = bytesOf(work, rated);
  const parts = [
    ...(flops > 0 ? [`${short(flops / 1e9)} GFLOP at ${short(rated.rate)} GFLOP/s`] : []),
    ...(flops64 > 0 ? [`${short(flops64 / 1e9)} GFLOP in double precision on the CPU`] : []),
    ...(bytes > 0 ? [`${bytesText(bytes)} to read or write`] : []),
  ];
  return `${what}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}.`;
}

function bytesOf({ bytes = 0, passes = 0 }: Work, rated: RatedWork): number {
  const { shape, checkpointBytes, place } = rated;
  if (place.kind === 'memory') return bytes;
  const { denseBlock, denseTotal } = countParameters(shape, denseSubnet(shape));
  return bytes + passes * checkpointBytes * (denseBlock / denseTotal);
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2);
}

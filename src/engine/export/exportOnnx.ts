import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import type { StoredDtype } from '../checkpoint/storedFloats.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../subnet/subnet.ts';
import { decoderGraph } from './decoderGraph.ts';
import { writeExternalData } from './externalData.ts';
import { onnxReadme } from './onnxReadme.ts';
import { makeFolder, writeWhole } from './writeFile.ts';

/** Name of the model file of an ONNX export. */
export const ONNX_FILE = 'model.onnx';
/** Name of its weights file. */
export const ONNX_DATA_FILE = 'model.onnx.data';

/** Where an export comes from, recorded in what is written. */
export interface ExportOrigin {
  /** SHA-256 of the source checkpoint's headers, as `Checkpoint.fingerprint`. */
  readonly sourceFingerprint: string;
  readonly engineVersion: string;
}

/** Settings of an export. */
export interface ExportOptions {
  readonly dtype: StoredDtype;
  readonly origin: ExportOrigin;
  readonly signal?: AbortSignal | undefined;
}

/** What an export wrote. */
export interface Written {
  /** The file or folder to give to the program that loads it. */
  readonly path: string;
  /** Bytes of everything written but the README. */
  readonly bytes: number;
}

/**
 * Writes the ONNX decoder of a subnet: model.onnx, model.onnx.data and a README that shows how to
 * run it.
 *
 * A crash at any moment leaves the old export, none, or the new one whole: the old model file goes
 * first and the new one comes last.
 * @param dir  made if needed
 * @throws EngineError `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export async function exportOnnx(
  dir: string,
  weights: ModelWeights,
  subnet: Subnet,
  options: ExportOptions,
): Promise<Written> {
  assertLegal(weights.shape, subnet);
  const { graph, plan } = decoderGraph(weights, subnet, ONNX_DATA_FILE, options.dtype);
  const model = graph.build({
    subnet_key: subnetKey(subnet),
    source_fingerprint: options.origin.sourceFingerprint,
    engine_version: options.origin.engineVersion,
  });
  const path = join(dir, ONNX_FILE);
  await makeFolder(dir);
  await rm(path, { force: true });
  await writeExternalData(join(dir, ONNX_DATA_FILE), plan.tensors, options.signal);
  await writeWhole(join(dir, 'README.md'), onnxReadme(weights.shape, options.dtype));
  await writeWhole(path, model);
  return { path, bytes: plan.bytes + model.length };
}

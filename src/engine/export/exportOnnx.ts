import { join } from 'node:path';
import { makeFolder } from '../../files/insideFolder.ts';
import { removeFile, replaceFile } from '../../files/writeFile.ts';
import { blockByBlock, type WeightSource } from '../checkpoint/weightSource.ts';
import type { QuantisedModel } from '../quantise/quantisedModel.ts';
import { subnetKey } from '../subnet/key.ts';
import { assertLegal } from '../subnet/legal.ts';
import type { Subnet } from '../model/subnet.ts';
import { decoderGraph } from './decoderGraph.ts';
import { writeExternalData } from './externalData.ts';
import type { Accuracy } from './integerMap.ts';
import { onnxReadme } from './onnxReadme.ts';
import type { Storage } from './storage.ts';

/** Name of the model file of an ONNX export. */
export const ONNX_FILE = 'model.onnx';
/** Name of its weights file. */
export const ONNX_DATA_FILE = 'model.onnx.data';

/**
 * What a decoder with integer weights rounds its activations to. One token through a map took 0.3 to
 * 0.5 times as long as with float32 weights, where float activations took 0.6 to 1 times as long with
 * 4 bits, and 10 to 100 times as long with 8, for which the runtime has no such kernel. Products are
 * off by 0.4%, which changed the perplexity of the bundled model by 0.003% and that of SmolLM2-135M by
 * 0.4% to 0.8%; the figures of a run are taken with it.
 */
const ACTIVATIONS: Accuracy = 'int8';

/** Where an export comes from, recorded in what is written. */
export interface ExportOrigin {
  /** SHA-256 of the source checkpoint's headers, as `Checkpoint.fingerprint`. */
  readonly sourceFingerprint: string;
  readonly engineVersion: string;
}

/** Settings of an export. */
export interface ExportOptions extends Storage {
  readonly origin: ExportOrigin;
  /** The candidate as integers: what an ONNX decoder gets instead of its linear maps. */
  readonly quantised?: QuantisedModel | undefined;
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
 * @param options.quantised  of these weights and this subnet
 * @throws EngineError `disk`, `numeric`, `cancelled`; `shape` for an illegal subnet
 */
export function exportOnnx(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  options: ExportOptions,
): Promise<Written> {
  return blockByBlock(weights, (blocks) => writeDecoder(dir, blocks, subnet, options));
}

async function writeDecoder(
  dir: string,
  weights: WeightSource,
  subnet: Subnet,
  options: ExportOptions,
): Promise<Written> {
  assertLegal(weights.shape, subnet);
  const { quantised } = options;
  const integers =
    quantised === undefined ? null : { layers: quantised.layers, accuracy: ACTIVATIONS };
  const { graph, plan } = await decoderGraph(weights, subnet, ONNX_DATA_FILE, options, integers);
  const { bits, blockSize } = quantised?.format ?? {};
  const model = graph.build({
    subnet_key: subnetKey(subnet),
    source_fingerprint: options.origin.sourceFingerprint,
    engine_version: options.origin.engineVersion,
    ...(bits === undefined ? {} : { integers: `${bits} bits, blocks of ${blockSize}` }),
  });
  const path = join(dir, ONNX_FILE);
  makeFolder(dir);
  removeFile(path);
  await writeExternalData(join(dir, ONNX_DATA_FILE), plan.tensors, options.signal);
  replaceFile(join(dir, 'README.md'), onnxReadme(weights.shape, options, quantised?.format));
  replaceFile(path, model);
  return { path, bytes: plan.bytes + model.length };
}

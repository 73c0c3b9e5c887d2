import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Figure } from '../../protocol/runRecord.ts';
import type { ModelWeights } from '../checkpoint/modelWeights.ts';
import { exportOnnx, type ExportOrigin } from '../export/exportOnnx.ts';
import { measureDecoders } from '../export/measure.ts';
import type { Storage } from '../export/storage.ts';
import type { QuantisedModel } from '../quantise/quantisedModel.ts';
import { countParameters } from '../subnet/count.ts';
import type { Subnet } from '../subnet/subnet.ts';
import type { Bench } from './workbench.ts';

/** A model to be measured. */
export interface Candidate {
  readonly weights: ModelWeights;
  readonly subnet: Subnet;
  /** The integers that its decoder stores; absent where it stores floats. */
  readonly quantised?: QuantisedModel | undefined;
}

/** What is measured of a model besides its perplexity. */
export type Measured = Omit<Figure, 'perplexity'>;

/** Prompt of the timing, tokens: long enough for large products, short enough for [T, V] logits. */
const PROMPT_TOKENS = 256;
/** Tokens decoded after the prompt in each round. */
const DECODED_TOKENS = 16;
const ROUNDS = 9;

/**
 * Size, speed and memory of models, measured as exported ONNX decoders side by side on the device.
 * @param names  name and model; subnets of equal masks may share one
 * @param folder  for the temporary decoders; removed afterwards
 */
export async function measureFigures<Name extends string>(
  bench: Pick<Bench, 'runtime'>,
  models: Readonly<Record<Name, Candidate>>,
  options: {
    readonly folder: string;
    readonly storage: Storage;
    readonly origin: ExportOrigin;
    readonly tokens: Uint32Array;
    readonly signal: AbortSignal;
  },
): Promise<Record<Name, Measured>> {
  const { folder, storage, origin, tokens, signal } = options;
  const entries = Object.entries(models) as [Name, Candidate][];
  try {
    const decoders: { name: Name; path: string }[] = [];
    for (const [name, { weights, subnet, quantised }] of entries) {
      const { path } = await exportOnnx(join(folder, name), weights, subnet, {
        ...{ ...storage, origin, signal, quantised },
      });
      decoders.push({ name, path });
    }
    const measured = await measureDecoders(bench.runtime, decoders, {
      prompt: tokens.slice(0, PROMPT_TOKENS),
      decodeTokens: DECODED_TOKENS,
      warmUp: 1,
      rounds: ROUNDS,
      signal,
    });
    const results = entries.map(([name, { weights, subnet }], i) => {
      const { bytes, prefill, decode, peakBytes, baselineBytes } = measured[i]!;
      const { total, block } = countParameters(weights.shape, subnet);
      const added =
        peakBytes === null || baselineBytes === null
          ? null
          : Math.max(0, peakBytes - baselineBytes);
      const figure: Measured = {
        params: total,
        blockParams: block,
        bytes,
        prefillMs: prefill.medianMs,
        decodeMs: decode.medianMs,
        peakBytes: added,
      };
      return [name, figure] as const;
    });
    return Object.fromEntries(results) as Record<Name, Measured>;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import * as Type from 'typebox';
import type { EvaluatedOn } from '../../protocol/evaluatedOn.ts';
import type { Perplexity } from '../../protocol/perplexity.ts';
import { recordOf } from '../../protocol/recordOf.ts';
import {
  allFigures,
  type Figure,
  type FigureName,
  type Figures,
  figureSchema,
} from '../../protocol/runRecord.ts';
import { figureNames } from '../../protocol/runWords.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { perplexityOf } from '../evaluation/perplexity.ts';
import type { ExportOrigin } from '../export/exportOnnx.ts';
import { storageOf } from '../export/storage.ts';
import type { FoundSubnet } from './foundSubnet.ts';
import { heldoutOf } from './heldout.ts';
import { decoderFolders } from './leftovers.ts';
import { type Candidate, type Measured, measureFigures } from './measureFigures.ts';
import { type Quantiser, quantisedPerplexity } from './quantiser.ts';
import type { RunContext } from './runContext.ts';
import type { Workbench } from './workbench.ts';

/** The models of a run's table; a row that the config leaves out is null. */
export type Contestants = Readonly<Record<FigureName, Candidate | null>>;

/** The rows of a run. */
export function contestantsOf(
  dense: Candidate,
  found: Pick<FoundSubnet, 'random' | 'initialised' | 'searched' | 'reform' | 'wasSearched'>,
  sparse: WeightSource | null,
): Contestants {
  const { random, initialised, searched, reform, wasSearched } = found;
  const { subnet } = searched;
  const isReformed = reform !== null && reform.weights !== searched.weights;
  return {
    ...{ dense, random, initialised },
    searched: wasSearched ? searched : null,
    reformed: isReformed ? { subnet, weights: reform.weights } : null,
    sparse: sparse === null ? null : { subnet, weights: sparse },
    // Made when its turn to be evaluated comes.
    quantised: null,
  };
}

/**
 * Held-out perplexity, size, speed and memory of every contestant, on one device in one go. The
 * dense model comes first: it is the checksum of the evaluation.
 * @param windows  held-out windows
 * @param options.quantise  gives the row of integers; null for none
 * @throws EngineError `device`, `disk`, `cancelled`
 */
export function evaluateStage(
  run: RunContext,
  bench: Workbench,
  contestants: Contestants,
  windows: readonly Uint32Array[],
  options: { readonly origin: ExportOrigin; readonly quantise: Quantiser | null },
): Promise<Figures> {
  const { origin, quantise } = options;
  const { folder, signal, config } = run;
  const storage = storageOf(config.export.dtype, bench.checkpoint);
  const on = heldoutOf(folder.manifest.hashes, windows);
  return run.stage('evaluate', {
    kept: recordOf(Type.Union([figureSchema, Type.Null()])),
    restore: allFigures,
    work: async (progress) => {
      const present = figureNames.flatMap((name) => {
        const candidate = contestants[name];
        return candidate === null ? [] : [{ name, candidate }];
      });
      const steps = quantise === null ? 0 : 2 * bench.weights.shape.layers + windows.length;
      const total = (present.length + 1) * windows.length + steps;
      const perplexities = new Map<FigureName, Perplexity>();
      for (const [i, { name, candidate }] of present.entries()) {
        const found = await perplexityOf(bench.forward, bench.head, candidate, windows, {
          signal,
          onProgress: (done) => {
            progress(i * windows.length + done, total);
          },
        });
        perplexities.set(name, found);
      }
      let before = present.length * windows.length;
      const further = (done: number): void => {
        progress(before + done, total);
      };
      const quantised = (await quantise?.(further)) ?? null;
      if (quantised !== null) {
        before += 2 * bench.weights.shape.layers;
        // Its decoder also rounds activations, which only the decoder itself can tell the cost of.
        const found = await quantisedPerplexity(bench, quantised, windows, {
          folder: folder.file(decoderFolders.quantised),
          ...storage,
          origin,
          signal,
          onProgress: further,
        });
        perplexities.set('quantised', found);
      }
      // Reformation changes values, not sizes: the reformed subnet is the one that is measured.
      // Zeros do not change sizes either, but whether they take less time is to be seen, not assumed.
      const { dense, random, initialised, searched, reformed, sparse } = contestants;
      const shared = {
        dense,
        random,
        initialised,
        searched: reformed ?? searched,
        sparse,
        quantised,
      };
      const measured = await measureFigures(bench, withoutNulls(shared), {
        folder: folder.file(decoderFolders.measure),
        storage,
        origin,
        tokens: windows[0]!,
        note: (text) => {
          run.log('warning', text);
        },
        signal,
      });
      progress(total, total);
      const figures = Object.fromEntries(
        figureNames.map((name) => {
          const found = perplexities.get(name);
          const rest = measured[name === 'reformed' ? 'searched' : name];
          const figure =
            found === undefined || rest === undefined ? null : figureOf(found, on, rest);
          return [name, figure];
        }),
      ) as Record<FigureName, Figure | null>;
      for (const name of figureNames) {
        const figure = figures[name];
        if (figure !== null) run.tell({ kind: 'figure', name, figure });
      }
      return figures;
    },
  });
}

/**
 * A figure from its parts.
 * @param on  what the perplexity was evaluated on; undefined where the run does not say
 */
export function figureOf(
  { perplexity, lossNats }: Perplexity,
  on: EvaluatedOn | undefined,
  measured: Measured,
): Figure {
  const evaluatedOn = on === undefined ? {} : { evaluatedOn: on };
  return { perplexity, lossNats, ...evaluatedOn, ...measured };
}

function withoutNulls<Name extends string>(
  models: Readonly<Record<Name, Candidate | null>>,
): Partial<Record<Name, Candidate>> & Record<string, Candidate> {
  return Object.fromEntries(
    Object.entries(models).filter(([, candidate]) => candidate !== null),
  ) as Partial<Record<Name, Candidate>> & Record<string, Candidate>;
}

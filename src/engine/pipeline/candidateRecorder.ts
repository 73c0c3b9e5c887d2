import type { RunEventBody } from '../../protocol/runEvent.ts';
import { unitLayout } from '../../protocol/unitLayout.ts';
import { countParameters } from '../model/cost.ts';
import type { ModelShape } from '../model/modelShape.ts';
import type { Subnet } from '../model/subnet.ts';
import type { CandidateStore } from '../runs/candidateStore.ts';
import { modelSummaryOf } from '../subnet/modelSummary.ts';
import { packSubnet } from '../subnet/pack.ts';
import type { RunContext } from './runContext.ts';

type Evaluated = Extract<RunEventBody, { readonly kind: 'evaluated' }>;

/** A judged subnet. */
export interface JudgedSubnet extends Pick<Evaluated, 'key' | 'generation' | 'child' | 'how'> {
  /** Null when it is not finite. */
  readonly fitness: number | null;
  readonly subnet: Subnet;
  readonly parents: readonly string[];
}

/** Keeps the masks of judged subnets in a run, tells of them and journals their fitness. */
export function candidateRecorder(
  run: RunContext,
  shape: ModelShape,
  store: CandidateStore,
): (judged: JudgedSubnet) => void {
  const layout = unitLayout(modelSummaryOf(shape));
  let full = false;
  return ({ key, fitness, subnet, parents, ...born }) => {
    // A result that is not finite is not journalled: it is worked out again, and stays bad.
    if (fitness === null) return;
    // Masks first, so that whoever learns of a candidate finds them.
    if (!full && !store.append(key, packSubnet(layout, subnet))) {
      full = true;
      run.log('warning', 'Masks of later candidates are not kept: masks/candidates.bin is full.');
    }
    // Told next: killed in between, the same event comes twice, but never a child without one.
    const params = countParameters(shape, subnet).block;
    run.tell({ kind: 'evaluated', key, fitness, params, parents: [...parents], ...born });
    run.folder.evaluations.record(key, fitness);
  };
}

import type { ReformVerdict } from '../../protocol/reformVerdict.ts';
import type { WeightSource } from '../checkpoint/weightSource.ts';
import { denseSubnet } from '../model/subnet.ts';
import type { Candidate } from './measureFigures.ts';

/** The subnet that a method has found, and those it is compared with. */
export interface FoundSubnet {
  /** Before the reform. */
  readonly searched: Candidate;
  /** False when the searched subnet is one of the others, which then is not shown twice. */
  readonly wasSearched: boolean;
  /** True when its value dimensions are those of another basis than the source's. */
  readonly rotated: boolean;
  /** What the reform made of the searched weights; null when the config asks for none. */
  readonly reform: { readonly weights: WeightSource; readonly verdict: ReformVerdict } | null;
  /** What the search began with; null when everything is kept: it would be the dense model. */
  readonly initialised: Candidate | null;
  /** A random subnet of the source; null when the config asks for none. */
  readonly random: Candidate | null;
}

/** A model with everything kept. */
export function wholeOf(weights: WeightSource): Candidate {
  return { weights, subnet: denseSubnet(weights.shape) };
}

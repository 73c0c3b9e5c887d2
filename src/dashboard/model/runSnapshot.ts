import type { ModelSummary } from '../../protocol/modelSummary.ts';
import type { RunModel } from './runModel.ts';

/** What a run is, which never changes. */
export interface RunHead {
  readonly id: string;
  readonly name: string;
  readonly createdMs: number;
  /** Name of the config file, for people; never a path to open. */
  readonly configName: string;
  /** Kept share of the prunable parameters; null when the manifest does not tell. */
  readonly ratio: number | null;
  /** Null for runs of versions that did not record it: such a run has no pictures of masks. */
  readonly model: ModelSummary | null;
  /** The resolved config, as the manifest holds it. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly seeds: Readonly<Record<string, number>>;
  readonly hashes: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** Masks of a run that have a name of their own. */
export const namedMasks = ['initialised', 'searched', 'random'] as const;
/** Name of such a mask. */
export type NamedMask = (typeof namedMasks)[number];

/** Everything of a run that its dashboard needs at once. */
export interface RunSnapshot {
  readonly head: RunHead;
  readonly model: RunModel;
  /** Masks that are on disk under a name, each with its subnet key. */
  readonly masks: Readonly<Partial<Record<NamedMask, string>>>;
  /** Whether scores of the units are on disk. */
  readonly hasScores: boolean;
  /** Whether it says where its zeros are. */
  readonly hasSparsity: boolean;
}

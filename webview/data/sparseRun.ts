import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';

/** What the config of a run says about zeros inside weights. */
export interface SparsifyWords {
  /** `none` for runs that leave all weights. */
  readonly method: string;
  /** E.g. `2:4` or `50%`. */
  readonly pattern: string;
  readonly scope: string;
  /** `inputs`: neighbours compete along the inputs of every map. */
  readonly groups: string;
}

/** What a run was told about zeros inside weights. */
export function sparsifyOf({ head }: RunSnapshot): SparsifyWords {
  const text = textsOf(head.config['sparsify']);
  return {
    method: text('method', 'none'),
    pattern: text('pattern', ''),
    scope: text('scope', ''),
    groups: text('groups', 'auto'),
  };
}

/** What the decoder of a run was quantised to, e.g. `Quantised to int8`. */
export function quantisedTo({ head }: RunSnapshot): string {
  const width = integersOf(head.config);
  return width === 'none' ? 'Quantised' : `Quantised to ${width}`;
}

/** The integers that a config stores weights of the decoder as; `none` when they stay numbers. */
export function integersOf(config: Readonly<Record<string, unknown>>): string {
  return textsOf(config['export'])('quantise', 'none');
}

/** True for runs that put zeros into weights, or have done so. */
export function makesSparse(run: RunSnapshot): boolean {
  return run.hasSparsity || run.model.densities.length > 0 || sparsifyOf(run).method !== 'none';
}

/** True when a run goes further than its subnet, so that its steps are worth a picture of their own. */
export function hasFurtherSteps({ model: { figures } }: RunSnapshot): boolean {
  const further = figures.sparse !== undefined || figures.quantised !== undefined;
  return further && figures.dense !== undefined;
}

/** Reads the texts of a section of a config, which may be of any version. */
function textsOf(section: unknown): (name: string, otherwise: string) => string {
  const fields = (typeof section === 'object' && section !== null ? section : {}) as Record<
    string,
    unknown
  >;
  return (name, otherwise) => (typeof fields[name] === 'string' ? fields[name] : otherwise);
}

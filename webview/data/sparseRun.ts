import type { RunSnapshot } from '../../src/dashboard/model/runSnapshot.ts';

/** What the config of a run says about zeros inside weights. */
export interface SparsifyWords {
  /** `none` for runs that leave all weights. */
  readonly method: string;
  /** E.g. `2:4` or `50%`. */
  readonly pattern: string;
  readonly scope: string;
}

/** What a run was told about zeros inside weights. */
export function sparsifyOf({ head }: RunSnapshot): SparsifyWords {
  const section = head.config['sparsify'];
  const fields = (typeof section === 'object' && section !== null ? section : {}) as Record<
    string,
    unknown
  >;
  const text = (name: string, otherwise: string): string =>
    typeof fields[name] === 'string' ? fields[name] : otherwise;
  return {
    method: text('method', 'none'),
    pattern: text('pattern', ''),
    scope: text('scope', ''),
  };
}

/** True for runs that put zeros into weights, or have done so. */
export function makesSparse(run: RunSnapshot): boolean {
  return run.hasSparsity || run.model.densities.length > 0 || sparsifyOf(run).method !== 'none';
}

/**
 * `syntax`: no JSON. `root`: JSON, but no object. `unknown`, `repeated`, `missing`: a field. `value`: a type or a range. `sense`:
 * values that do not fit each other.
 */
export type ConfigIssueKind =
  'syntax' | 'root' | 'unknown' | 'repeated' | 'missing' | 'value' | 'sense';

/** What is wrong with a config, and where. */
export interface IssuePlace {
  readonly kind: ConfigIssueKind;
  readonly offset: number;
  readonly length: number;
  /** Names from the root; empty for the whole text. */
  readonly path: readonly string[];
}

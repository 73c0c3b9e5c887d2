/** The stages of a run, in order. */
export const stageNames = [
  'import',
  'calibrate',
  'score',
  'search',
  'reform',
  'sparsify',
  'evaluate',
  'export',
] as const;
/** A stage of a run. */
export type StageName = (typeof stageNames)[number];

/** The models whose figures a run reports, in the order of its table. */
export const figureNames = [
  'dense',
  'random',
  'initialised',
  'searched',
  'reformed',
  'sparse',
  'quantised',
] as const;
/** Name of a row of a run's table. */
export type FigureName = (typeof figureNames)[number];

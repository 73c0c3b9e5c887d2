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

/** Names of the stages for people. */
export const stageTitles: Readonly<Record<StageName, string>> = {
  import: 'Import',
  calibrate: 'Calibrate',
  score: 'Score',
  search: 'Search',
  reform: 'Reform',
  sparsify: 'Sparsify',
  evaluate: 'Evaluate',
  export: 'Export',
};

/** How a judged subnet came to be. */
export const originNames = ['initial', 'mutation', 'crossover', 'strong', 'switch'] as const;
/** How a judged subnet came to be. */
export type Origin = (typeof originNames)[number];

/** What is said of how a subnet was made. */
export const originTitles: Readonly<Record<Origin, string>> = {
  initial: 'Initial',
  mutation: 'Mutation',
  crossover: 'Crossover',
  strong: 'Strong mutation',
  switch: 'Switch',
};

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

/** Names of these models for people. */
export const figureTitles: Readonly<Record<FigureName, string>> = {
  dense: 'Dense',
  random: 'Random',
  initialised: 'Initial',
  searched: 'Searched',
  reformed: 'Reformed',
  sparse: 'Sparse',
  quantised: 'Quantised',
};

/** Names of what is written, for people. */
export const exportTitles = {
  subnet: 'Subnet config',
  checkpoint: 'Hugging Face checkpoint',
  onnx: 'ONNX model',
  compressed: 'Compressed checkpoint',
} as const;

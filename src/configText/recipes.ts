/** Fields that are written together for one purpose. */
export interface ConfigRecipe {
  readonly label: string;
  readonly detail: string;
  /** Fields of the root and their values as JSON. */
  readonly fields: readonly { readonly name: string; readonly json: string }[];
}

/** A recipe that a whole config can be for. */
export interface PurposeRecipe extends ConfigRecipe {
  /** What such a config is called, behind the name of its model. */
  readonly suffix: string;
  /** Kept share to begin with. */
  readonly ratio: number;
}

const SPARSE = '{ "method": "ours", "pattern": "2:4", "scope": "mlp" }';

/** What a new config may be for, beside a narrower model. */
export const purposeRecipes = [
  {
    ...{ label: 'Sparse weights (2:4, DaSS + reform)', suffix: 'sparse', ratio: 1 },
    detail: 'two of four MLP weights become zero: smaller files, no faster in ONNX Runtime',
    fields: [{ name: 'sparsify', json: SPARSE }],
  },
  {
    ...{ label: 'Narrow, then sparse, then int4', suffix: 'int4', ratio: 0.8 },
    detail: 'each step is evaluated; zeros save space, not time',
    fields: [
      { name: 'search', json: '{ "preset": "quick" }' },
      { name: 'sparsify', json: SPARSE },
      { name: 'export', json: '{ "quantise": "int4", "groupSize": 32 }' },
    ],
  },
  {
    ...{ label: 'Compare all methods', suffix: 'methods', ratio: 0.8 },
    detail: 'one table of every method on the same texts; takes as long as dozens of rows',
    fields: [
      {
        name: 'compare',
        json: '{ "patterns": ["50%", "4:8", "2:4"], "scopes": ["mlp", "all"], "ratios": [0.9, 0.8, 0.7, 0.6, 0.5] }',
      },
    ],
  },
] as const satisfies readonly PurposeRecipe[];

/** What people set together, offered like snippets among the fields. */
export const configRecipes: readonly ConfigRecipe[] = [
  {
    label: 'a first look',
    detail: 'short windows and the quick search: minutes instead of hours',
    fields: [
      { name: 'search', json: '{ "preset": "quick", "windows": 16, "length": 256 }' },
      { name: 'calibration', json: '{ "windows": 64, "length": 256 }' },
      { name: 'evaluation', json: '{ "context": 256 }' },
    ],
  },
  {
    label: 'as in the paper',
    detail: 'scores, search and reform as published',
    fields: [
      { name: 'search', json: '{ "preset": "methodA", "blockOrder": "tail" }' },
      { name: 'importance', json: '{ "score": "obs" }' },
      { name: 'attention', json: '"tied"' },
      { name: 'reform', json: '{ "method": "admm", "target": "layer" }' },
    ],
  },
  {
    label: 'without a search',
    detail: 'score, cut evenly and reform: the quickest subnet',
    fields: [{ name: 'search', json: '{ "enabled": false }' }],
  },
  {
    label: 'keep every block',
    detail: 'narrower blocks, never fewer',
    fields: [{ name: 'search', json: '{ "ranges": { "depth": [1, 1] } }' }],
  },
  ...purposeRecipes,
];

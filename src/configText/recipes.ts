/** Fields that are written together for one purpose. */
export interface ConfigRecipe {
  readonly label: string;
  readonly detail: string;
  /** Fields of the root and their values as JSON. */
  readonly fields: readonly { readonly name: string; readonly json: string }[];
}

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
    detail: 'scores, masks, search and refit as published',
    fields: [
      { name: 'search', json: '{ "preset": "methodA", "blockOrder": "tail" }' },
      { name: 'importance', json: '{ "score": "obs" }' },
      { name: 'attention', json: '"tied"' },
      { name: 'reform', json: '{ "method": "admm", "target": "layer" }' },
    ],
  },
  {
    label: 'without a search',
    detail: 'score, cut evenly and refit: the quickest subnet',
    fields: [{ name: 'search', json: '{ "enabled": false }' }],
  },
  {
    label: 'keep every block',
    detail: 'narrower blocks, never fewer',
    fields: [{ name: 'search', json: '{ "ranges": { "depth": [1, 1] } }' }],
  },
];

import type { ConfigRecipe } from './recipes.ts';

/** What a new config begins with. Paths are as they are to be written. */
export interface TemplateValues {
  readonly model: string;
  readonly text: string;
  readonly heldout?: string;
  /** Kept share, above 0 and at most 1. */
  readonly ratio: number;
  readonly name?: string;
  /** What it is for; absent: a narrower model. */
  readonly recipe?: ConfigRecipe;
}

/** The text of a new config: three fields, and what one changes most, commented out. */
export function configTemplate(values: TemplateValues): string {
  const { model, text, heldout, ratio, name, recipe } = values;
  const show = JSON.stringify;
  const optional = (value: string | undefined, otherwise: string, key: string): string =>
    value === undefined
      ? `  // ${show(key)}: ${show(otherwise)},`
      : `  ${show(key)}: ${show(value)},`;
  return `// A Subnet Studio run. Rest the pointer on a field to read what it does.
{
  // What every run needs. Paths are relative to this file.
  "model": ${show(model)}, // a Hugging Face model folder
  "ratio": ${ratio}, // keep ${Number((ratio * 100).toPrecision(3))}% of the parameters in the blocks
  "text": ${show(text)}, // text like that the model will see

  // Figures are taken on text that nothing else has looked at; else on the last tenth of "text".
${optional(heldout, './heldout.txt', 'heldout')}
${optional(name, 'my first subnet', 'name')}

${recipe === undefined ? SEARCH : recipeLines(recipe)}

  // Everything else has a default. These are changed most:
${optionLines(recipe)}
}
`;
}

const OPTIONS: readonly (readonly [string, string])[] = [
  ['calibration', '{ "windows": 128, "length": 2048 }'],
  ['reform', '{ "method": "leastSquares" }'],
  ['evaluation', '{ "context": 2048 }'],
  ['export', '{ "checkpoint": true, "onnx": true, "dtype": "source" }'],
  ['device', '"auto"'],
];

/** What is changed most, as comments, without what is written already. */
function optionLines(recipe: ConfigRecipe | undefined): string {
  return OPTIONS.filter(([name]) => !recipe?.fields.some((field) => field.name === name))
    .map(([name, json]) => `  // ${JSON.stringify(name)}: ${json},`)
    .join('\n');
}

const SEARCH = `  // "quick" tries about 220 subnets, for a first look; "methodA" about 5,100, as published.
  "search": { "preset": "quick" },`;

function recipeLines({ label, detail, fields }: ConfigRecipe): string {
  const lines = fields.map(({ name, json }) => `  ${JSON.stringify(name)}: ${json},`);
  return [`  // ${label}: ${detail}.`, ...lines].join('\n');
}

/** What stands in for a required field until the user knows better. */
export const PLACEHOLDERS = { model: './model', ratio: 0.7, text: './calibration.txt' } as const;

/**
 * Fields by which transformers finds Python files to run: classes of a model, tokenizer or
 * processor; pipelines; a generation loop.
 */
const CODE_FIELDS: ReadonlySet<string> = new Set([
  'auto_map',
  'custom_pipelines',
  'custom_generate',
]);

/** Fields that name an implementation; with a slash it is a repository that is downloaded and run. */
const IMPLEMENTATION_FIELDS = /^_?(attn|experts)_implementation/;

/** Names another file of weights than the one that is written. */
const WEIGHTS_FIELD = 'transformers_weights';

/**
 * A model's configuration file without the fields that make programs run code of its author, or
 * read files that are not part of an export.
 * @param value  parsed JSON; nested sections such as `text_config` are cleaned too
 */
export function withoutCode(
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field, content]) => !runsCode(field, content))
      .map(([field, content]) => [field, cleaned(content)]),
  );
}

function runsCode(field: string, content: unknown): boolean {
  if (CODE_FIELDS.has(field) || field === WEIGHTS_FIELD) return true;
  return IMPLEMENTATION_FIELDS.test(field) && JSON.stringify(content).includes('/');
}

function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return withoutCode(value as Readonly<Record<string, unknown>>);
}

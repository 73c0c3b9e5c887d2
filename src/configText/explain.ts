import {
  defaultWords,
  isRequired,
  namesIn,
  schemaAt,
  takes,
  wordsOf,
  wordsOfChoice,
} from './configSchema.ts';

/**
 * What a field is, does and takes, its default and the paper's value, as Markdown.
 * @param value  a value of a choice to speak of first
 * @returns  empty for an unknown field
 */
export function explainField(path: readonly string[], value?: unknown): string {
  const schema = schemaAt(path);
  if (schema === undefined) return '';
  const { what, paper } = wordsOf(schema);
  const said = value === undefined ? '' : wordsOfChoice(schema, value);
  const lines = [`**${path.join('.')}**: ${takes(schema)}`];
  if (said !== '') lines.push(`\`${JSON.stringify(value)}\`: ${said}`);
  lines.push(what);
  if (schema.properties !== undefined) {
    lines.push(
      `Fields: ${namesIn(path)
        .map((name) => `\`${name}\``)
        .join(', ')}.`,
    );
    return lines.join('\n\n');
  }
  const preset = defaultWords(path);
  const facts = [
    ...(isRequired(path) ? ['Required.'] : []),
    ...(preset === null ? [] : [`Default: ${preset}.`]),
    ...(paper === null ? [] : [`Paper: ${paper}.`]),
  ];
  if (facts.length > 0) lines.push(facts.join('  \n'));
  return lines.join('\n\n');
}

import { typingDistance, typingLimit } from './didYouMean.ts';
import type { SchemaNode } from './describeSchema.ts';
import { runConfigSchema } from './runConfig.ts';

/**
 * Fields that somebody may have meant by an unknown one: the nearest of its own section, or those
 * of other sections where these are nearer.
 * @param path  the unknown field, e.g. `['search', 'populaton']`
 * @returns  paths of known fields; none when nothing is near
 */
export function suggestFields(path: readonly string[]): readonly (readonly string[])[] {
  const word = path.at(-1) ?? '';
  const section = path.slice(0, -1);
  const limit = typingLimit(word);
  const near = fieldPaths(runConfigSchema as unknown as SchemaNode, [])
    .map((field) => {
      const own = isIn(field, section);
      return { field, own, distance: typingDistance(word, field.at(-1)!, limit) };
    })
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance || Number(b.own) - Number(a.own));
  const [best] = near;
  if (best === undefined) return [];
  if (best.own) return [best.field];
  return near
    .filter(
      ({ distance, field }) => distance === best.distance && field.at(-1) === best.field.at(-1),
    )
    .map(({ field }) => field);
}

function isIn(field: readonly string[], section: readonly string[]): boolean {
  return field.length === section.length + 1 && section.every((name, i) => field[i] === name);
}

function fieldPaths(schema: SchemaNode, path: readonly string[]): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => [
    [...path, name],
    ...fieldPaths(child, [...path, name]),
  ]);
}

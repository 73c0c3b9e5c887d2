import {
  type Companion,
  GENERATION_CONFIG_FILE,
  TOKENIZER_CONFIG_FILE,
} from '../checkpoint/companions.ts';
import { parseJsonObject } from '../checkpoint/jsonObject.ts';
import { jsonLike } from './jsonLike.ts';
import { withoutCode } from './withoutCode.ts';

type Json = Readonly<Record<string, unknown>>;

/** The tokenizer and settings of a source model as an export holds them. */
export interface ExportedCompanions {
  readonly files: readonly { readonly name: string; readonly data: string | Uint8Array }[];
  /** What of the tokenizer is different from the source's: a sentence; null when nothing is. */
  readonly note: string | null;
}

/** Class that reads tokenizer.json as it is, in every version of transformers. */
const PLAIN_CLASS = 'PreTrainedTokenizerFast';

/** What our models take. In transformers 4 the plain class gives token types too, unless told. */
const INPUT_NAMES = ['input_ids', 'attention_mask'];

/**
 * The source's companion files without anything that makes programs run code of its author. Files
 * with nothing of that kind are copied byte for byte.
 * @param config  the source's config.json, which may name a tokenizer too
 * @param ownType  true for a model type of our own, from which transformers cannot tell a tokenizer
 * @throws EngineError `checkpoint` when a settings file is not JSON
 */
export function exportedCompanions(
  companions: readonly Companion[],
  config: Json,
  ownType: boolean,
): ExportedCompanions {
  const settings = jsonOf(companions, TOKENIZER_CONFIG_FILE);
  const ownClass = foreignClass(settings ?? {}, config);
  const stock = stockClass(settings ?? {}, config);
  const named = ownClass !== null ? PLAIN_CLASS : ownType ? stock : settings?.['tokenizer_class'];
  const changes = {
    ...(ownClass !== null || ownType ? { tokenizer_class: named } : {}),
    ...(named === PLAIN_CLASS
      ? { model_input_names: settings?.['model_input_names'] ?? INPUT_NAMES }
      : {}),
  };
  const changed = (name: string, before: Json | undefined, after: Json): string | null => {
    // A file that has to differ from the source's; null where it may stay as it is.
    if (JSON.stringify(before ?? {}) === JSON.stringify(after)) return null;
    const source = companions.find((file) => file.name === name);
    return jsonLike(after, source?.bytes ?? new Uint8Array());
  };
  const tokenizer = { ...withoutCode(settings ?? {}), ...changes };
  const cleaned = new Map([
    [TOKENIZER_CONFIG_FILE, changed(TOKENIZER_CONFIG_FILE, settings, tokenizer)],
  ]);
  const generation = jsonOf(companions, GENERATION_CONFIG_FILE);
  if (generation !== undefined) {
    const clean = withoutCode(generation);
    cleaned.set(GENERATION_CONFIG_FILE, changed(GENERATION_CONFIG_FILE, generation, clean));
  }
  const kept = companions.map(({ name, bytes }) => ({ name, data: cleaned.get(name) ?? bytes }));
  const made = cleaned.get(TOKENIZER_CONFIG_FILE);
  return {
    files:
      settings === undefined && made !== null && made !== undefined
        ? [...kept, { name: TOKENIZER_CONFIG_FILE, data: made }]
        : kept,
    note:
      ownClass === null
        ? null
        : `The tokenizer class of the source model (${ownClass}) is code of its author and is not part of this export: tokenizer.json is loaded with ${PLAIN_CLASS} instead.`,
  };
}

/** Name of the tokenizer class that only code of the source's author has; null for stock ones. */
function foreignClass(settings: Json, config: Json): string | null {
  const references = [settings['auto_map'], config['auto_map']].flatMap((map): unknown[] => {
    // Old files hold the two classes (slow and fast) themselves.
    if (Array.isArray(map)) return map;
    if (typeof map !== 'object' || map === null) return [];
    return [(map as Json)['AutoTokenizer']].flat();
  });
  const reference = references.findLast((name) => typeof name === 'string');
  return reference === undefined ? null : String(reference).split('.').at(-1)!;
}

function stockClass(settings: Json, config: Json): string {
  const named = settings['tokenizer_class'] ?? config['tokenizer_class'];
  return typeof named === 'string' ? named : PLAIN_CLASS;
}

function jsonOf(companions: readonly Companion[], file: string): Json | undefined {
  const found = companions.find(({ name }) => name === file);
  return found === undefined ? undefined : parseJsonObject(found.bytes, file);
}

import type { TokenizerFiles } from './tokenizerFiles.ts';

/** A token that is found in a text before anything else, as the library takes it. */
export interface AddedTokenSpec {
  readonly content: string;
  readonly special: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** Fields that name one special token. @source transformers, SPECIAL_TOKENS_ATTRIBUTES */
const NAMED = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'].map((name) => `${name}_token`);
/** Fields that list more, by their name of today and their older one. */
const LISTED = ['extra_special_tokens', 'additional_special_tokens'] as const;

/**
 * Tokens that a folder adds to those of its tokenizer.json, in the order in which transformers adds
 * them; the library numbers those that it does not know in this order.
 *
 * @source transformers 5, TokenizersBackend.__init__ and _from_pretrained
 */
export function addedTokensOf(files: TokenizerFiles): AddedTokenSpec[] {
  const config = files.config?.json ?? {};
  const own = listOf(files.main.json['added_tokens']).map((token) => specOf(token));
  const isDeclared = isRecord(config['added_tokens_decoder']);
  const special = specialTokensOf(withSpecialTokens(config, files.specialTokens?.json ?? {}));
  const tokens = isDeclared ? declaredTokens(config) : olderTokens(files, special);
  const known = new Set(own.map((token) => JSON.stringify(token)));
  const added = tokens.filter((token) => !known.has(JSON.stringify(token)));
  const contents = new Set([...own, ...added].map(({ content }) => content));
  for (const token of special) {
    if (contents.has(token.content)) continue;
    contents.add(token.content);
    added.push(token);
  }
  return added.filter(({ content }) => content !== '');
}

/** The tokens of `added_tokens_decoder`, by id. */
function declaredTokens(config: Json): AddedTokenSpec[] {
  const declared = Object.entries(config['added_tokens_decoder'] as Json);
  return declared.sort(([a], [b]) => Number(a) - Number(b)).map(([, token]) => specOf(token));
}

/** The tokens of an older folder: those of added_tokens.json, unless tokenizer.json has their ids. */
function olderTokens(
  { main, addedTokens }: TokenizerFiles,
  special: readonly AddedTokenSpec[],
): AddedTokenSpec[] {
  const byId = new Map<number, AddedTokenSpec>();
  for (const [content, id] of Object.entries(addedTokens?.json ?? {})) {
    const isSpecial = special.some((token) => token.content === content);
    byId.set(Number(id), { ...specOf({ content }), special: isSpecial, normalized: !isSpecial });
  }
  for (const token of listOf(main.json['added_tokens'])) {
    if (isRecord(token)) byId.delete(Number(token['id']));
  }
  return [...byId].sort(([a], [b]) => a - b).map(([, token]) => token);
}

/** The settings with those of special_tokens_map.json over them. */
function withSpecialTokens(config: Json, specialTokens: Json): Json {
  const asSpecial = (value: unknown): unknown =>
    isRecord(value) ? { ...value, special: true } : value;
  const named = Object.entries(specialTokens).map(([field, value]) => [
    field,
    Array.isArray(value) ? value.map(asSpecial) : asSpecial(value),
  ]);
  const merged = { ...config, ...(Object.fromEntries(named) as Json) };
  const [extra] = LISTED;
  const listed = [...listOf(config[extra]), ...listOf(merged[extra])];
  return listed.length === 0 ? merged : { ...merged, [extra]: listed };
}

/** Special tokens that a config names, in the order in which they are added. */
function specialTokensOf(settings: Json): AddedTokenSpec[] {
  const listed = LISTED.map((field) => settings[field]).find((value) => value !== undefined);
  const others = Object.keys(settings).filter(
    (field) => field.endsWith('_token') && !NAMED.includes(field),
  );
  const values = [
    ...[...NAMED, ...others].map((field) => settings[field]),
    ...(isRecord(listed) ? Object.values(listed) : listOf(listed)),
  ];
  return values
    .filter((value) => typeof value === 'string' || isRecord(value))
    .map((value) => ({ ...specOf(value), special: true }));
}

/** A token given by its name alone is special, and special ones are not normalised. */
function specOf(value: unknown): AddedTokenSpec {
  const token = isRecord(value) ? value : { content: value, special: true };
  const special = token['special'] === true;
  const { normalized } = token;
  return {
    content: typeof token['content'] === 'string' ? token['content'] : '',
    special,
    single_word: token['single_word'] === true,
    lstrip: token['lstrip'] === true,
    rstrip: token['rstrip'] === true,
    normalized: typeof normalized === 'boolean' ? normalized : !special,
  };
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

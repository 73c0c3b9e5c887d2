import type { CutPlaces } from './cutPlaces.ts';

type Json = Readonly<Record<string, unknown>>;

/** What decides whether an added token is in the way of a cut. */
export interface AddedTokenRules {
  /** The character that a space has become in a normalised text. */
  readonly space: string;
  /** The tokenizer's normalizer; undefined when it has none. */
  readonly normalize: ((text: string) => string) | undefined;
  /** True when a step adds something to the start of what it is given, or strips its ends. */
  readonly endsMatter: boolean;
}

/** Texts that hold what is on both sides of a cut. */
const CROSSING = { words: /[\p{L}\p{M}] /u, lines: /\n[\p{L}\p{M}]/u };
/** Texts that may begin at a cut, or end there. */
const BEGINNING = { words: /^ (?:[\p{L}\p{M}]|$)/u, lines: /^[\p{L}\p{M}]/u };
const ENDING = { words: /[\p{L}\p{M}]$/u, lines: /\n$/u };

/**
 * True when an added token may lie across a cut, or may begin there: what is before it would then be
 * the end of a text, at which patterns look. One that ends at a cut matters only to steps that treat
 * the start of what they are given in their own way.
 *
 * @param token  an item of `added_tokens`
 */
export function isInTheWay(cut: keyof CutPlaces, token: Json, rules: AddedTokenRules): boolean {
  const { space, normalize, endsMatter } = rules;
  const content = String(token['content']);
  const isBad = (text: string, sign: string): boolean => {
    const spaced = sign === ' ' ? text : text.replaceAll(sign, ' ');
    return (
      CROSSING[cut].test(spaced) ||
      BEGINNING[cut].test(spaced) ||
      (endsMatter && ENDING[cut].test(spaced))
    );
  };
  // A token takes the white space on that side along.
  if (token['lstrip'] === true && BEGINNING.lines.test(content)) return true;
  if (token['rstrip'] === true && (cut === 'words' ? ENDING.words.test(content) : endsMatter)) {
    return true;
  }
  if (isBad(content, ' ')) return true;
  // Others are looked for before the text is normalised.
  if (token['normalized'] !== true || normalize === undefined) return false;
  return isBad(normalize(content), space);
}

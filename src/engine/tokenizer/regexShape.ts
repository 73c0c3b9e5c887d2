import { readCharacterClass, readEscape } from './regexAtoms.ts';

/** What a match of a regular expression may hold; never less than what it does hold. */
export interface RegexShape {
  /** Characters of the shortest match, or fewer. */
  readonly shortest: number;
  /** True when a match may hold a character of the set. */
  readonly holds: (set: number) => boolean;
  /** True when a match may hold a character of the first set, directly followed by one of the other. */
  readonly joins: (left: number, right: number) => boolean;
  /** True when every character of the set is always part of a match, whatever is around it. */
  readonly takes: (set: number) => boolean;
}

/** A part of a pattern. Sets of characters are bits; a pair of sets is a bit of `pairs`. */
interface Part {
  readonly shortest: number;
  readonly longest: number;
  readonly first: number;
  readonly last: number;
  readonly all: number;
  readonly pairs: number;
  /** Single characters, as sources, that it matches without a look at others. */
  readonly sure: readonly string[];
  /** True when it may match nothing, without a condition. */
  readonly optional: boolean;
}

const NOTHING: Part = {
  ...{ shortest: 0, longest: 0, first: 0, last: 0, all: 0, pairs: 0 },
  ...{ sure: [], optional: true },
};
/** It takes no character either, but may fail. */
const ASSERTION: Part = { ...NOTHING, optional: false };
/** Groups inside each other that are followed; real patterns have three. */
const MOST_DEPTH = 50;

/** Thrown inside this file and caught in it: the pattern uses something that is not judged. */
class NotJudged extends Error {}

/**
 * Judges a regular expression of the Oniguruma dialect, in which tokenizer.json is written.
 *
 * It knows what tokenizers use: alternatives, groups, classes, properties, quantifiers, and
 * assertions that look at the next character only. Anything that looks back is not judged.
 *
 * @param pattern  the regular expression
 * @param sets     at most 5 sets of characters, each as a string of all its members
 * @returns undefined when the pattern uses anything else
 * @source Oniguruma, doc/RE
 */
export function regexShape(pattern: string, sets: readonly string[]): RegexShape | undefined {
  try {
    const { shortest, all, pairs, sure } = new Reader(pattern, sets).read();
    return {
      shortest,
      holds: (set) => (all & (1 << set)) !== 0,
      joins: (left, right) => (pairs & (1 << (left * sets.length + right))) !== 0,
      takes: (set) => matcherOf(`^(?:${sure.join('|')})*$`)?.test(sets[set]!) === true,
    };
  } catch (error) {
    if (error instanceof NotJudged) return undefined;
    throw error;
  }
}

class Reader {
  private readonly pattern: string;
  private readonly sets: readonly string[];
  private at = 0;
  private depth = 0;

  constructor(pattern: string, sets: readonly string[]) {
    this.pattern = pattern;
    this.sets = sets;
  }

  read(): Part {
    const part = this.alternatives();
    if (this.at < this.pattern.length) throw new NotJudged();
    return part;
  }

  private alternatives(): Part {
    if (++this.depth > MOST_DEPTH) throw new NotJudged();
    let part = this.sequence();
    while (this.take('|')) part = either(part, this.sequence());
    this.depth--;
    return part;
  }

  private sequence(): Part {
    let part = NOTHING;
    while (this.at < this.pattern.length && !/^[|)]/.test(this.rest(1))) {
      part = this.joined(part, this.quantified(this.atom()));
    }
    return part;
  }

  private atom(): Part {
    if (this.take('(')) return this.group();
    // The end of a line, as an assertion: it looks at the next character.
    if (this.take('$')) return ASSERTION;
    if (/^[\^*+?]/.test(this.rest(1))) throw new NotJudged();
    if (this.take('.')) return this.character(undefined);
    const found = this.pattern.startsWith('[', this.at)
      ? readCharacterClass(this.pattern, this.at)
      : readEscape(this.pattern, this.at);
    if (found === undefined) throw new NotJudged();
    this.at = found.end;
    return this.character(found.source);
  }

  private group(): Part {
    const opening = /^\?(?:([im-]*)([:)])|(>)|(<[A-Za-z_]\w*>)|([=!]))/.exec(this.rest(80));
    if (opening === null) {
      if (this.pattern.startsWith('?', this.at)) throw new NotJudged();
      return this.closed();
    }
    this.at += opening[0].length;
    // A switch such as (?i) changes nothing that is judged here, but makes the rest a group.
    if (opening[2] === ')') return this.alternatives();
    const part = this.closed();
    // It gives nothing back, so skipping it is no option where it matches.
    if (opening[3] !== undefined) return { ...part, optional: false };
    if (opening[5] === undefined) return part;
    if (part.longest > 1) throw new NotJudged();
    return ASSERTION;
  }

  private closed(): Part {
    const part = this.alternatives();
    if (!this.take(')')) throw new NotJudged();
    return part;
  }

  private quantified(part: Part): Part {
    let result = part;
    for (let signs = 0; ; signs++) {
      const found = /^(?:[*+?]|\{(\d{0,5})(,?)(\d{0,5})\})/.exec(this.rest(16));
      if (found === null || found[0] === '{}' || found[0] === '{,}') return result;
      this.at += found[0].length;
      const { optional } = result;
      result = this.repeated(result, ...boundsOf(found));
      // A sign after another makes it lazy or possessive, or repeats once more: count the most, and
      // do not rely on an option.
      if (signs > 0) result = { ...result, optional: found[0] === '?' && optional };
    }
  }

  private repeated(part: Part, least: number, most: number): Part {
    if (most === 0) return NOTHING;
    return {
      ...part,
      pairs: most > 1 ? part.pairs | this.cross(part.last, part.first) : part.pairs,
      shortest: part.shortest * least,
      longest: part.longest === 0 ? 0 : part.longest * most,
      sure: least > 1 ? [] : part.sure,
      optional: least === 0 || part.optional,
    };
  }

  private joined(a: Part, b: Part): Part {
    return {
      shortest: a.shortest + b.shortest,
      longest: a.longest + b.longest,
      first: a.first | (a.shortest === 0 ? b.first : 0),
      last: b.last | (b.shortest === 0 ? a.last : 0),
      all: a.all | b.all,
      pairs: a.pairs | b.pairs | this.cross(a.last, b.first),
      sure: [...(b.optional ? a.sure : []), ...(a.optional ? b.sure : [])],
      optional: a.optional && b.optional,
    };
  }

  private character(source: string | undefined): Part {
    let all = 0;
    const matcher = source === undefined ? undefined : matcherOf(source);
    for (const [i, set] of this.sets.entries()) {
      if (matcher === undefined || matcher.test(set)) all |= 1 << i;
    }
    return {
      ...{ shortest: 1, longest: 1, first: all, last: all, all, pairs: 0 },
      ...{ sure: source === undefined ? [] : [source], optional: false },
    };
  }

  private cross(left: number, right: number): number {
    const { length } = this.sets;
    let pairs = 0;
    for (let i = 0; i < length; i++) if ((left & (1 << i)) !== 0) pairs |= right << (i * length);
    return pairs;
  }

  private take(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private rest(most: number): string {
    return this.pattern.slice(this.at, this.at + most);
  }
}

/** Least and most repetitions of a quantifier. */
function boundsOf([whole, low = '', comma, high = '']: RegExpExecArray): [number, number] {
  if (whole === '?') return [0, 1];
  if (whole === '*') return [0, Infinity];
  if (whole === '+') return [1, Infinity];
  const least = Number(low);
  if (comma === '') return [least, least];
  const most = high === '' ? Infinity : Number(high);
  return [Math.min(least, most), Math.max(least, most)];
}

function either(a: Part, b: Part): Part {
  return {
    shortest: Math.min(a.shortest, b.shortest),
    longest: Math.max(a.longest, b.longest),
    first: a.first | b.first,
    last: a.last | b.last,
    all: a.all | b.all,
    pairs: a.pairs | b.pairs,
    sure: [...a.sure, ...b.sure],
    optional: a.optional || b.optional,
  };
}

/** Undefined, which stands for any character, where JavaScript does not know a name in it. */
function matcherOf(source: string): RegExp | undefined {
  try {
    return new RegExp(source, 'v');
  } catch {
    return undefined;
  }
}

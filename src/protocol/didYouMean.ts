/**
 * How many slips of the finger lie between two words: a letter too many, missing, wrong, or two
 * swapped. Case does not count.
 * @param limit  anything beyond it is reported as limit + 1
 */
export function typingDistance(word: string, other: string, limit: number): number {
  const [a, b] = [word.toLowerCase(), other.toLowerCase()];
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2]! + 1 : change;
      row.push(Math.min(change, swap, previous[j]! + 1, row[j - 1]! + 1));
    }
    [before, previous] = [previous, row];
  }
  return Math.min(previous[b.length]!, limit + 1);
}

/** Slips up to which a word still counts as a misspelt one: one in three letters. */
export function typingLimit(word: string): number {
  return Math.max(1, Math.floor(word.length / 3));
}

/** The known word nearest to a misspelt one, or undefined when none is near. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const limit = typingLimit(word);
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = typingDistance(word, candidate, limit);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

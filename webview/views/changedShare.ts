import type { Ancestor } from '../data/lineage.ts';
import { maskDifference } from '../data/maskDifference.ts';
import { formatCount, formatShare } from '../format.ts';
import type { Page } from './view.ts';

/** How many units a subnet does not share with its parent, asked for once each. */
export interface Shares {
  /** Words for it; empty while they are not known, null when they never will be. */
  between(run: string, ancestor: Ancestor): string | null;
}

/** Masks asked for at most: a line of the lineage shows no more. */
const MOST_KEPT = 64;

/** @param changed  called after an answer came */
export function createShares(page: Page, changed: () => void): Shares {
  const words = new Map<string, string | null>();
  const masks = new Map<string, Promise<Uint8Array>>();
  const mask = (run: string, key: string): Promise<Uint8Array> => {
    const name = `${run} ${key}`;
    let bits = masks.get(name);
    if (bits === undefined) {
      bits = page.mask(run, { kind: 'candidate', key }).then((answer) => answer.bits);
      masks.set(name, bits);
      if (masks.size > MOST_KEPT) masks.delete(masks.keys().next().value!);
    }
    return bits;
  };
  return {
    between(run, { candidate, parent }) {
      if (parent === null) return '';
      const name = `${run} ${candidate.key} ${parent}`;
      const known = words.get(name);
      if (known !== undefined) return known;
      words.set(name, '');
      Promise.all([mask(run, candidate.key), mask(run, parent)]).then(
        ([child, from]) => {
          const difference = maskDifference(child, from);
          if (difference === null || difference.kept === 0) return;
          const { differing, kept } = difference;
          words.set(
            name,
            `${formatShare(differing / (2 * kept))} of kept units exchanged, ${formatCount(differing)} differ`,
          );
          changed();
        },
        () => {
          // A large run keeps the masks of its best only.
          words.set(name, null);
          changed();
        },
      );
      return '';
    },
  };
}

import { count, percent } from '../draw/ticks.ts';
import { unitName, type Unit, type UnitWords } from './units.ts';

/** What is known of one unit. */
export interface UnitFacts {
  readonly layer: number;
  readonly unit: Unit;
  /** Null while the mask is not there. */
  readonly kept: boolean | null;
  /** Rank among its kind in the block, 255 = best; null when unknown. */
  readonly rank: number | null;
  /** Survivors that keep it, of how many. */
  readonly keptBy: { readonly subnets: number; readonly of: number } | null;
  /** Kept by the mask compared with; null without one. */
  readonly before: boolean | null;
  /** What the mask compared with is called. */
  readonly reference: string;
}

/** What is known of one group of units in the overview. */
export interface GroupFacts {
  readonly layer: number;
  /** E.g. "head 3, query/key". */
  readonly name: string;
  readonly units: number;
  readonly kept: number | null;
  readonly importance: number | null;
  readonly frequency: number | null;
  readonly change: { readonly gained: number; readonly lost: number } | null;
  readonly reference: string;
}

/** A sentence about one unit, for the eye and the ear. */
export function unitSentence(facts: UnitFacts, words: UnitWords): string {
  const parts: string[] = [];
  if (facts.kept !== null) parts.push(facts.kept ? 'kept' : 'removed');
  if (facts.rank !== null) parts.push(`importance in the ${rankWords(facts.rank)}`);
  if (facts.keptBy !== null) {
    parts.push(`kept by ${facts.keptBy.subnets} of ${facts.keptBy.of} survivors`);
  }
  if (facts.before !== null && facts.kept !== null && facts.before !== facts.kept) {
    parts.push(`${facts.kept ? 'removed' : 'kept'} in ${facts.reference}`);
  }
  return `Block ${facts.layer}, ${unitName(facts.unit, words)}${ending(parts)}`;
}

/** A sentence about one group of units. */
export function groupSentence(facts: GroupFacts): string {
  const parts: string[] = [];
  if (facts.kept !== null) {
    parts.push(
      `${count(facts.kept)} of ${count(facts.units)} kept (${percent(facts.kept / facts.units)})`,
    );
  }
  if (facts.importance !== null) parts.push(`mean importance rank ${percent(facts.importance)}`);
  if (facts.frequency !== null) {
    parts.push(`kept by ${percent(facts.frequency)} of survivors on average`);
  }
  if (facts.change !== null) {
    const { gained, lost } = facts.change;
    parts.push(
      gained + lost === 0
        ? `the same as ${facts.reference}`
        : `${count(gained)} gained and ${count(lost)} lost against ${facts.reference}`,
    );
  }
  return `Block ${facts.layer}, ${facts.name}${ending(parts)}`;
}

/** "top 4%" or "bottom 30%" of a rank byte. */
export function rankWords(rank: number): string {
  const best = Math.max(1, Math.round(((255 - rank) / 255) * 100));
  return best <= 50 ? `top ${best}%` : `bottom ${Math.max(1, Math.round((rank / 255) * 100))}%`;
}

/** How many of `subnets` a share byte stands for. */
export function subnetsOf(share: number, subnets: number): number {
  return Math.round((share / 255) * subnets);
}

function ending(parts: readonly string[]): string {
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

import type { ModelSummary } from '../../src/protocol/modelSummary.ts';
import type { UnitLayout } from '../../src/protocol/unitLayout.ts';
import { count } from '../draw/ticks.ts';

/** What a unit is: query/key, value/output, or a neuron of the feed-forward block. */
export type UnitKind = 'qk' | 'vo' | 'mlp';

/** Neighbouring units of a block that belong together. */
export interface Band {
  readonly kind: UnitKind;
  /** Key/value head; -1 for neurons. */
  readonly head: number;
  /** First unit in the block. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** One unit of a block. */
export interface Unit {
  readonly kind: UnitKind;
  readonly head: number;
  /** Place in its head, or among the neurons. */
  readonly index: number;
}

/** The bands of a block in the order of its units: query/key of each head, value/output, neurons. */
export function bandsOf(layout: UnitLayout): Band[] {
  const { kvHeads, qkUnits, headDim, perLayer } = layout;
  const heads = Array.from({ length: kvHeads }, (_, head) => head);
  const voStart = kvHeads * qkUnits;
  const mlpStart = voStart + kvHeads * headDim;
  return [
    ...heads.map((head) => band('qk', head, head * qkUnits, qkUnits)),
    ...heads.map((head) => band('vo', head, voStart + head * headDim, headDim)),
    { kind: 'mlp' as const, head: -1, start: mlpStart, end: perLayer },
  ].filter(({ start, end }) => end > start);
}

/** The bands of one kind taken together. */
export function spanOf(layout: UnitLayout, kind: UnitKind): Band {
  const voStart = layout.kvHeads * layout.qkUnits;
  const mlpStart = voStart + layout.kvHeads * layout.headDim;
  if (kind === 'qk') return { kind, head: -1, start: 0, end: voStart };
  if (kind === 'vo') return { kind, head: -1, start: voStart, end: mlpStart };
  return { kind, head: -1, start: mlpStart, end: layout.perLayer };
}

/** What the unit at a place of a block is. */
export function unitAt(layout: UnitLayout, place: number): Unit {
  const voStart = layout.kvHeads * layout.qkUnits;
  const mlpStart = voStart + layout.kvHeads * layout.headDim;
  if (place >= mlpStart) return { kind: 'mlp', head: -1, index: place - mlpStart };
  if (place >= voStart) {
    const within = place - voStart;
    const head = Math.floor(within / layout.headDim);
    return { kind: 'vo', head, index: within - head * layout.headDim };
  }
  const head = Math.floor(place / layout.qkUnits);
  return { kind: 'qk', head, index: place - head * layout.qkUnits };
}

/** Words for the parts of one model. */
export interface UnitWords {
  /** "head", or "KV head" where several query heads share one. */
  readonly head: string;
  /**
   * "pair" where rotary positions tie two dimensions, "head" where a norm ties all, "unit" where
   * there are pairs and single dimensions, else "dimension".
   */
  readonly qk: string;
}

/** The words that fit a model. */
export function wordsOf(model: ModelSummary): UnitWords {
  return {
    head: model.heads > model.kvHeads ? 'KV head' : 'head',
    qk: queryKeyWord(model),
  };
}

function queryKeyWord({ qkUnits, headDim }: ModelSummary): string {
  if (qkUnits === headDim) return 'dimension';
  if (qkUnits === 1) return 'head';
  return 2 * qkUnits > headDim ? 'unit' : 'pair';
}

/** The name of a unit, e.g. "neuron 3,071". */
export function unitName({ kind, head, index }: Unit, words: UnitWords): string {
  if (kind === 'mlp') return `neuron ${count(index)}`;
  if (kind === 'vo') return `${words.head} ${head}, value/output dimension ${count(index)}`;
  return `${words.head} ${head}, query/key ${words.qk} ${count(index)}`;
}

/** The name of a band, or of a part of it. */
export function bandName({ kind, head }: Band, words: UnitWords): string {
  const of = head < 0 ? '' : `${words.head} ${head}, `;
  return kind === 'mlp' ? 'neurons' : `${of}${kind === 'qk' ? 'query/key' : 'value/output'}`;
}

function band(kind: UnitKind, head: number, start: number, length: number): Band {
  return { kind, head, start, end: start + length };
}

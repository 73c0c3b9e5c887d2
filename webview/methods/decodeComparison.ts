import type { ComparisonContent } from '../../src/protocol/comparisonPanelApi.ts';
import { PANEL_PROTOCOL } from '../../src/protocol/panelApi.ts';
import { methodScopes } from '../data/methodRows.ts';

/**
 * The content of a comparison's page as it arrived, when it has the shape its version promises. The
 * schema library would be larger than the page: what is drawn is checked by hand.
 * @returns why it cannot be shown, for anything else
 */
export function decodeComparison(value: unknown): ComparisonContent | string {
  if (!isRecord(value) || typeof value['protocol'] !== 'number') return MISUNDERSTOOD;
  const { protocol, table } = value;
  if (protocol !== PANEL_PROTOCOL) {
    return `This page is of version ${PANEL_PROTOCOL}, the extension of version ${protocol}. Reload the window.`;
  }
  const whole =
    has(value, { waiting: 'string', job: 'string', canRun: 'boolean', whyNot: 'string' }) &&
    (value['etaMs'] === null || typeof value['etaMs'] === 'number') &&
    (table === null || isTable(table));
  return whole ? (value as unknown as ComparisonContent) : MISUNDERSTOOD;
}

const MISUNDERSTOOD =
  'The extension sent something this page does not understand. Reload the window.';

type Fields = Readonly<Record<string, 'string' | 'number' | 'boolean'>>;

function isTable(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { rows, leftOut, heldout, calibration, notes = [] } = value;
  const words: Fields = { name: 'string', configPath: 'string', model: 'string', device: 'string' };
  const figures: Fields = {
    seed: 'number',
    startedMs: 'number',
    updatedMs: 'number',
    total: 'number',
  };
  const named: Fields = { method: 'string', pattern: 'string' };
  const text: Fields = { windows: 'number', tokens: 'number' };
  return (
    has(value, { ...words, ...figures, state: 'string' }) &&
    [heldout, calibration].every((one) => isRecord(one) && has(one, text)) &&
    isList(rows, { ...named, nonzeroFraction: 'number', seconds: 'number' }) &&
    rows.every(({ perplexity }) => perplexity === null || typeof perplexity === 'number') &&
    isList(leftOut, { ...named, why: 'string' }) &&
    Array.isArray(notes) &&
    notes.every((note) => typeof note === 'string')
  );
}

function isList(value: unknown, fields: Fields): value is Record<string, unknown>[] {
  const isOne = (one: unknown): boolean =>
    isRecord(one) && has(one, fields) && methodScopes.some((scope) => scope === one['scope']);
  return Array.isArray(value) && value.every(isOne);
}

function has(value: Record<string, unknown>, fields: Fields): boolean {
  return Object.entries(fields).every(([name, type]) => typeof value[name] === type);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

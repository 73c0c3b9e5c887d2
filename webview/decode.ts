import type { RunSnapshot } from '../src/dashboard/model/runSnapshot.ts';
import type { PanelContent } from '../src/protocol/panelApi.ts';

/**
 * The content of a panel as it arrived, when it has the shape its version promises.
 * @returns null for anything else: the caller says so instead of showing half of it
 */
export function decodeContent(value: unknown): PanelContent<RunSnapshot> | null {
  if (!isRecord(value) || typeof value['protocol'] !== 'number') return null;
  const { runs, standing, canRun, whyNot } = value;
  if (!Array.isArray(runs) || runs.length === 0 || !runs.every(isSnapshot)) return null;
  if (!isRecord(standing) || typeof canRun !== 'boolean' || typeof whyNot !== 'string') return null;
  return value as unknown as PanelContent<RunSnapshot>;
}

/** True for a snapshot of a run. */
export function isSnapshot(value: unknown): value is RunSnapshot {
  if (!isRecord(value) || !isRecord(value['head']) || !isRecord(value['model'])) return false;
  const { head, model } = value;
  const lists = ['stages', 'candidates', 'generations', 'exports', 'devices', 'log'];
  return (
    typeof head['id'] === 'string' &&
    typeof head['name'] === 'string' &&
    isRecord(head['config']) &&
    typeof model['nextSeq'] === 'number' &&
    lists.every((name) => Array.isArray(model[name])) &&
    isRecord(model['figures']) &&
    isRecord(model['subnets']) &&
    isRecord(value['masks'])
  );
}

/** True for an event's payload about a run, with these fields of these types. */
export function isAbout(
  value: unknown,
  fields: Readonly<Record<string, 'string' | 'number' | 'object' | 'array'>>,
): boolean {
  if (!isRecord(value) || typeof value['run'] !== 'string') return false;
  return Object.entries(fields).every(([name, type]) => {
    const field = value[name];
    if (type === 'array') return Array.isArray(field);
    return type === 'object' ? isRecord(field) : typeof field === type;
  });
}

/** True for a piece of a run's log: each event has a kind, a number and a time. */
export function isEvents(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (one) =>
        isRecord(one) &&
        typeof one['kind'] === 'string' &&
        typeof one['seq'] === 'number' &&
        typeof one['timeMs'] === 'number',
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

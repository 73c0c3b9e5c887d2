import * as vscode from 'vscode';
import { lastFigure } from '../../dashboard/model/lastFigure.ts';
import { readPlainText } from '../../files/plainFile.ts';
import { acceptsValue } from '../../protocol/acceptsValue.ts';
import { figureSchema, type Figure } from '../../protocol/runRecord.ts';
import { figureNames } from '../../protocol/runWords.ts';

/** A subnet config in the workspace, outside of run folders: somebody has exported it there. */
export interface WorkspaceExport {
  /** Absolute path of subnet.json. */
  readonly path: string;
  /** Id of the run it comes from; null when it does not say. */
  readonly runId: string | null;
  readonly key: string;
  readonly figure: Figure | null;
}

const SKIPPED = '**/{node_modules,.git,.subnet}/**';
const MOST_FILES = 100;
/** Largest file read, bytes; those of large models hold masks of some megabytes. */
const MOST_BYTES = 64_000_000;

/** The exported subnets of the workspace, by path. What cannot be read is left out. */
export async function workspaceExports(): Promise<readonly WorkspaceExport[]> {
  const files = await vscode.workspace.findFiles('**/subnet.json', SKIPPED, MOST_FILES);
  return files
    .filter(({ scheme }) => scheme === 'file')
    .map(({ fsPath }) => fsPath)
    .filter((path) => !/[\\/]\.subnet[\\/]/.test(path))
    .sort()
    .flatMap((path) => exportAt(path) ?? []);
}

function exportAt(path: string): WorkspaceExport | undefined {
  try {
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES });
    const { subnet, provenance } = JSON.parse(text ?? '{}') as {
      readonly subnet?: { readonly key?: unknown };
      readonly provenance?: { readonly runId?: unknown; readonly figures?: unknown };
    };
    if (typeof subnet?.key !== 'string') return undefined;
    const runId = typeof provenance?.runId === 'string' ? provenance.runId : null;
    return { path, runId, key: subnet.key, figure: figureOf(provenance?.figures) };
  } catch {
    return undefined;
  }
}

function figureOf(figures: unknown): Figure | null {
  if (typeof figures !== 'object' || figures === null) return null;
  const read = figures as Readonly<Record<string, unknown>>;
  const known = figureNames.flatMap((name) => {
    const value = read[name];
    return acceptsValue(figureSchema, value) ? [[name, value] as const] : [];
  });
  return lastFigure(Object.fromEntries(known))?.figure ?? null;
}

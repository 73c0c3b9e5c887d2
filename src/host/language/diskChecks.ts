import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';
import { fieldNode, readConfigTree } from '../../configText/configTree.ts';
import type { ModelReading } from '../models/modelReading.ts';
import { isInside, resolvePath } from './configPath.ts';

/** Something about a config that only the disk can tell. */
export interface DiskRemark {
  readonly kind:
    'missingModel' | 'badModel' | 'missingText' | 'sameText' | 'outside' | 'refusedDevice';
  readonly severity: vscode.DiagnosticSeverity;
  readonly offset: number;
  readonly length: number;
  readonly message: string;
}

/**
 * Looks at what the paths of a config lead to.
 * @param folder  the config's own folder
 * @param read  reads the headers of a model folder
 */
export async function diskRemarks(
  text: string,
  folder: string,
  read: (folder: string) => Promise<ModelReading>,
): Promise<readonly DiskRemark[]> {
  const tree = readConfigTree(text);
  const remarks: DiskRemark[] = [];
  for (const field of [['model'], ['text'], ['heldout'], ['compare', 'shifted']]) {
    const node = fieldNode(tree, field);
    const written: unknown = node?.value;
    if (node === undefined || typeof written !== 'string' || written === '') continue;
    const path = resolvePath(folder, written);
    const { offset, length } = node;
    const remark = field[0] === 'model' ? await aboutModel(path, read) : await aboutText(path);
    const found = remark ?? aboutPlace(path);
    if (found !== undefined) remarks.push({ ...found, offset, length });
  }
  const [text1, heldout] = ['text', 'heldout'].map((name) => fieldNode(tree, [name]));
  if (
    heldout !== undefined &&
    typeof heldout.value === 'string' &&
    heldout.value === text1?.value
  ) {
    remarks.push({
      kind: 'sameText',
      severity: vscode.DiagnosticSeverity.Warning,
      offset: heldout.offset,
      length: heldout.length,
      message: vscode.l10n.t(
        'The figures would be taken on the text the subnet was fitted to. Name another text, or leave "heldout" out.',
      ),
    });
  }
  return remarks;
}

/**
 * The device of a config, when this machine is known to refuse it. Another machine may have it, so it
 * is a warning.
 * @param refusalOf  why a device cannot be used here
 */
export function deviceRemarks(
  text: string,
  refusalOf: (device: string) => string | undefined,
): readonly DiskRemark[] {
  const node = fieldNode(readConfigTree(text), ['device']);
  const device: unknown = node?.value;
  const refusal = typeof device === 'string' ? refusalOf(device) : undefined;
  if (node === undefined || refusal === undefined) return [];
  const { offset, length } = node;
  const severity = vscode.DiagnosticSeverity.Warning;
  const message = vscode.l10n.t('{0} Choose another device, or "auto".', refusal);
  return [{ kind: 'refusedDevice', severity, offset, length, message }];
}

type Said = Omit<DiskRemark, 'offset' | 'length'>;

async function aboutModel(
  path: string,
  read: (folder: string) => Promise<ModelReading>,
): Promise<Said | undefined> {
  const reading = await read(path);
  if (reading.kind === 'model') return undefined;
  const severity = vscode.DiagnosticSeverity.Error;
  if (!reading.isMissing) return { kind: 'badModel', severity, message: reading.why };
  return {
    kind: 'missingModel',
    severity,
    message: vscode.l10n.t('There is no model folder {0}.', path),
  };
}

async function aboutText(path: string): Promise<Said | undefined> {
  const severity = vscode.DiagnosticSeverity.Error;
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile() === true) return undefined;
  const message =
    facts === undefined
      ? vscode.l10n.t('There is no text file {0}.', path)
      : vscode.l10n.t('{0} is a folder; name one text file.', path);
  return { kind: 'missingText', severity, message };
}

/** A path out of the workspace works here, but not for those who clone it. */
function aboutPlace(path: string): Said | undefined {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const inside = folders.some(({ uri }) => uri.scheme === 'file' && isInside(uri.fsPath, path));
  if (folders.length === 0 || inside) return undefined;
  return {
    kind: 'outside',
    severity: vscode.DiagnosticSeverity.Information,
    message: vscode.l10n.t('This is outside the workspace: {0}', path),
  };
}

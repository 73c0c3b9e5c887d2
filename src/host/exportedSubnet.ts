import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import * as vscode from 'vscode';
import type { LoaderExports, LoaderLanguage } from '../configText/loaderSnippet.ts';
import { readPlainText } from '../files/plainFile.ts';
import { isInside } from './language/configPath.ts';

/** Largest config.json read, bytes; those of exports hold the masks. */
const MOST_BYTES = 64_000_000;

/**
 * What stands beside an exported subnet.json, as code of a file would name it.
 * @param subnet  absolute path of subnet.json
 * @param code  the file that will hold the code
 */
export function exportsBeside(subnet: string, code: vscode.Uri): LoaderExports {
  const folder = dirname(subnet);
  const base = baseOf(subnet, code);
  const written = (path: string): string => {
    const forward = base === undefined ? path : relative(base, path);
    return forward.split(sep).join('/');
  };
  const checkpoint = join(folder, 'checkpoint');
  const onnx = join(folder, 'onnx', 'model.onnx');
  const kind = checkpointKind(join(checkpoint, 'config.json'));
  const source = sourceOf(subnet);
  const withTokenizer = [checkpoint, source].find(
    (path) => path !== null && existsSync(join(path, 'tokenizer.json')),
  );
  return {
    subnet: written(subnet),
    checkpoint:
      kind === 'none' ? null : { path: written(checkpoint), runsOwnCode: kind === 'ownCode' },
    onnx: existsSync(onnx) ? written(onnx) : null,
    tokenizer:
      withTokenizer === undefined || withTokenizer === null ? null : written(withTokenizer),
  };
}

/** The language of a document, when snippets can be written in it. */
export function loaderLanguage({ languageId }: vscode.TextDocument): LoaderLanguage | undefined {
  if (languageId === 'python') return 'python';
  return /^typescript(react)?$/.test(languageId) ? 'typescript' : undefined;
}

/** Where programs of a workspace are started from: the folder that holds both code and export. */
function baseOf(subnet: string, code: vscode.Uri): string | undefined {
  const own = vscode.workspace.getWorkspaceFolder(code);
  const folders = own === undefined ? (vscode.workspace.workspaceFolders ?? []) : [own];
  return folders
    .filter(({ uri }) => uri.scheme === 'file')
    .map(({ uri }) => uri.fsPath)
    .find((folder) => isInside(folder, subnet));
}

/** Whether transformers can load a checkpoint by itself, with the code beside it, or not at all. */
function checkpointKind(configPath: string): 'stock' | 'ownCode' | 'none' {
  const config = readJson(configPath);
  const { subnet, auto_map: autoMap } = config ?? {};
  if (typeof subnet !== 'object' || subnet === null) return 'none';
  const { loadable } = subnet as { readonly loadable?: { readonly transformers?: unknown } };
  if (loadable?.transformers === true) return 'stock';
  const { AutoModelForCausalLM: named } = (autoMap ?? {}) as Readonly<Record<string, unknown>>;
  // Only our own module: code of anybody else is not to be run for the asking.
  return typeof named === 'string' && named.startsWith('modeling_subnet.') ? 'ownCode' : 'none';
}

/** The source model that subnet.json names. */
function sourceOf(subnet: string): string | null {
  const source = readJson(subnet)?.['source'] as { readonly path?: unknown } | undefined;
  return typeof source?.path === 'string' ? source.path : null;
}

function readJson(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const text = readPlainText(path, { links: 'refused', mostBytes: MOST_BYTES });
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
